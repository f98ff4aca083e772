-- Removes a connection of a user. A sweeper passes the dead node: a connection that is recorded under another name stays.
-- The node that held the connection passes none: it is removed under every name, also if a server that lost its end
-- shows it again.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  offset userId connectionId nodeId-or-empty
local presence, channel = unpack(KEYS)
local offset, user, id, node = unpack(ARGV)
local known = redis.call('HMGET', presence, 'c:' .. id, 'status', 'version')
local connection = known[1]
if not connection then return 0 end
if node ~= '' and not string.find(connection, '"node":"' .. node .. '"', 1, true) then return 0 end
redis.call('HDEL', presence, 'c:' .. id)
-- A connection of a hiding user changes nothing visible.
if known[2] == 'OFFLINE' then return 1 end
redis.call('HSET', presence, 'seen', digits(now(offset)), 'version', after(known[3] or nil))
announcePresence(presence, channel, user)
return 1
