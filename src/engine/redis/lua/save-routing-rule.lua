-- Stores a rule unless the tenant has too many.
-- KEYS  rules mark channel
-- ARGV  id rule-as-JSON most
-- Answers 1, or 0 when there is no room
local rules, mark, channel = unpack(KEYS)
local id, json, most = unpack(ARGV)
if redis.call('HEXISTS', rules, id) == 0 and redis.call('HLEN', rules) >= tonumber(most) then return 0 end
redis.call('HSET', rules, id, json)
announceMarked(mark, channel, '{"type":"routing-rules"}')
return 1
