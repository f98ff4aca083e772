-- Removes a connection of a user. A sweeper passes the dead node: a connection that lives on under another name stays.
-- The node that held the connection passes none: it is removed under every name, also if a server that lost its end
-- shows it again.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  offset userId connectionId nodeId-or-empty
local presence, channel = unpack(KEYS)
local offset, user, id, node = unpack(ARGV)
local connection = redis.call('HGET', presence, 'c:' .. id)
if not connection then return 0 end
if node ~= '' and not string.find(connection, '"node":"' .. node .. '"', 1, true) then return 0 end
local wasShown = isShown(presence)
redis.call('HDEL', presence, 'c:' .. id)
endPresenceChange(presence, channel, user, wasShown, digits(now(offset)))
return 1
