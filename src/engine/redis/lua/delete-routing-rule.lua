-- Deletes a rule.
-- KEYS  rules channel
-- ARGV  id
-- Answers it as JSON, or nothing when there was none
local rules, channel = unpack(KEYS)
local id = unpack(ARGV)
local json = redis.call('HGET', rules, id)
if not json then return false end
redis.call('HDEL', rules, id)
redis.call('SPUBLISH', channel, '{"type":"routing-rules"}')
return json
