-- Reads a conversation in one consistent state.
-- KEYS  meta
-- Answers the conversation as JSON, or nothing when there is none
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
return conversationJson(KEYS[1])
