-- Sets a user's chosen status.
-- KEYS  presence channel
-- ARGV  offset userId status text-as-JSON
-- Answers the presence as it is stored
local presence, channel = unpack(KEYS)
local offset, user, status, text = unpack(ARGV)
redis.call('HSET', presence, 'status', status, 'text', text, 'seen', digits(now(offset)))
return announcePresence(presence, channel, user)
