-- Stores a setting of a tenant's admins, unless the tenant has too many of its kind.
-- KEYS  settings mark channel
-- ARGV  id setting-as-JSON most kind
-- Answers 1, or 0 when there is no room
local settings, mark, channel = unpack(KEYS)
local id, json, most, kind = unpack(ARGV)
if redis.call('HEXISTS', settings, id) == 0 and redis.call('HLEN', settings) >= tonumber(most) then return 0 end
redis.call('HSET', settings, id, json)
announceMarked(mark, channel, '{"type":"' .. kind .. '"}')
return 1
