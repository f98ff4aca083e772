-- Blocks or unblocks a user for another, and announces the other's presence, since some watchers see it differently
-- now.
-- KEYS  presence channel, then the outbox of events if events are stored
-- ARGV  userId blockedId "1" | "0" most
-- Answers "changed" | "unchanged" | "full"
local presence, channel = unpack(KEYS)
local user, blocked, isBlocked, most = unpack(ARGV)
local field = 'b:' .. blocked
if redis.call('HEXISTS', presence, field) == tonumber(isBlocked) then return 'unchanged' end
if isBlocked == '1' then
  local count = 0
  for _, each in ipairs(redis.call('HKEYS', presence)) do
    if string.sub(each, 1, 2) == 'b:' then count = count + 1 end
  end
  if count >= tonumber(most) then return 'full' end
  redis.call('HSET', presence, field, 1)
else
  redis.call('HDEL', presence, field)
end
redis.call('HSET', presence, 'version', after(redis.call('HGET', presence, 'version') or nil))
announce(channel, '{"type":"presence","presence":' .. presenceJson(presence, user) .. '}')
return 'changed'
