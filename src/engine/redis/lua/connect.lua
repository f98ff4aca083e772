-- Records a connection of a user; the same id again updates its device, session and node: a node that was declared dead
-- by mistake takes it over from its earlier name, before or after the sweep of that name.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  offset userId connectionId nodeId connection-as-JSON-without-node-and-time
local presence, channel = unpack(KEYS)
local offset, user, id, node, connection = unpack(ARGV)
local time = digits(now(offset))
local wasShown = isShown(presence)
local earlier = redis.call('HGET', presence, 'c:' .. id)
local before, since
if earlier then before, since = string.match(earlier, '^{"node":"[^"]*",(.*),"connectedAt":(%d+)}$') end
local value = '{"node":"' .. node .. '",' .. connection .. ',"connectedAt":' .. (since or time) .. '}'
redis.call('HSET', presence, 'c:' .. id, value)
if before == connection then return 0 end
endPresenceChange(presence, channel, user, wasShown, time)
return 1
