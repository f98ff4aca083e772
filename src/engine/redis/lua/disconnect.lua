-- Removes a connection of a user, if it is still the given node's.
-- KEYS  presence channel
-- ARGV  offset userId connectionId nodeId
local presence, channel = unpack(KEYS)
local offset, user, id, node = unpack(ARGV)
local connection = redis.call('HGET', presence, 'c:' .. id)
if not connection or not string.find(connection, '"node":"' .. node .. '"', 1, true) then return 0 end
local wasShown = isShown(presence)
redis.call('HDEL', presence, 'c:' .. id)
endPresenceChange(presence, channel, user, wasShown, digits(now(offset)))
return 1
