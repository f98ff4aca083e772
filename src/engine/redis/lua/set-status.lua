-- Sets a user's chosen status.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  offset userId status text-as-JSON
-- Answers the presence as it is stored
local presence, channel = unpack(KEYS)
local offset, user, status, text = unpack(ARGV)
local time = digits(now(offset))
local wasShown = isShown(presence)
if status ~= 'OFFLINE' and redis.call('HGET', presence, 'status') == 'OFFLINE' then
  redis.call('HSET', presence, 'shown', time)
end
redis.call('HSET', presence, 'status', status, 'text', text)
return endPresenceChange(presence, channel, user, wasShown, time)
