-- Deletes a rule.
-- KEYS  rules mark channel
-- ARGV  id
-- Answers it as JSON, or nothing when there was none
local rules, mark, channel = unpack(KEYS)
local id = unpack(ARGV)
local json = redis.call('HGET', rules, id)
if not json then return false end
redis.call('HDEL', rules, id)
announceMarked(mark, channel, '{"type":"routing-rules"}')
return json
