-- Records a connection of a user; the same id again only changes whose it is: a node that was declared dead by
-- mistake takes it over from its earlier name, before or after that is swept.
-- KEYS  presence channel
-- ARGV  offset userId connectionId connection-as-JSON-without-time
local presence, channel = unpack(KEYS)
local offset, user, id, connection = unpack(ARGV)
local time = digits(now(offset))
local earlier = redis.call('HGET', presence, 'c:' .. id)
local since = earlier and string.match(earlier, '"connectedAt":(%d+)}$') or time
redis.call('HSET', presence, 'c:' .. id, '{' .. connection .. ',"connectedAt":' .. since .. '}')
if earlier then return 0 end
redis.call('HSET', presence, 'seen', time)
announcePresence(presence, channel, user)
return 1
