-- Records a connection of a user; the same id again changes nothing.
-- KEYS  presence channel
-- ARGV  offset userId connectionId connection-as-JSON-without-time
local presence, channel = unpack(KEYS)
local offset, user, id, connection = unpack(ARGV)
local time = digits(now(offset))
local added = redis.call('HSETNX', presence, 'c:' .. id, '{' .. connection .. ',"connectedAt":' .. time .. '}')
if added == 0 then return 0 end
redis.call('HSET', presence, 'seen', time)
announcePresence(presence, channel, user)
return 1
