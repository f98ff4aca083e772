-- Renames a conversation.
-- KEYS  meta channel
-- ARGV  name as JSON
-- Answers {"changed" | "unchanged", conversation} | {"not-found"}
local meta, channel = unpack(KEYS)
local name = redis.call('HGET', meta, 'name')
if not name then return { 'not-found' } end
if name == ARGV[1] then return { 'unchanged', conversationJson(meta) } end
redis.call('HSET', meta, 'name', ARGV[1])
return { 'changed', announceConversation(meta, channel, {}, {}) }
