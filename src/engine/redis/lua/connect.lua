-- Records a connection of a user; the same id again updates its device, session and node: a node that was declared dead
-- by mistake takes it over from its earlier name, before or after the sweep of that name.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  offset userId connectionId nodeId connection-as-JSON-without-node-and-time
local presence, channel = unpack(KEYS)
local offset, user, id, node, connection = unpack(ARGV)
local time = digits(now(offset))
local known = redis.call('HMGET', presence, 'c:' .. id, 'status', 'version')
local before, since
if known[1] then before, since = string.match(known[1], '^{"node":"[^"]*",(.*),"connectedAt":(%d+)}$') end
local value = '{"node":"' .. node .. '",' .. connection .. ',"connectedAt":' .. (since or time) .. '}'
-- A connection of a hiding user changes nothing visible.
if before == connection or known[2] == 'OFFLINE' then
  redis.call('HSET', presence, 'c:' .. id, value)
  return before == connection and 0 or 1
end
redis.call('HSET', presence, 'c:' .. id, value, 'seen', time, 'version', after(known[3] or nil))
announcePresence(presence, channel, user)
return 1
