-- Reads a conversation in one consistent state.
-- KEYS  meta outbox
-- Answers {conversation, unsettled}, or nothing when there is none
local conversation = conversationJson(KEYS[1])
return conversation and { conversation, unsettled(KEYS[2]) } or false
