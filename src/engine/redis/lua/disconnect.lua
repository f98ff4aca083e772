-- Removes a connection of a user. A sweeper names the dead node: a connection that lives on under another name stays.
-- The node that held it names none: it is gone under every name, also one that a server which lost its end shows again.
-- KEYS  presence channel, then the outbox of events where they are kept
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
