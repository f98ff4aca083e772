-- Reads a conversation in one consistent state.
-- KEYS  meta outbox
-- Answers {conversation, unsettled}, or nothing when there is none
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
return { conversationJson(KEYS[1]), unsettled(KEYS[2]) }
