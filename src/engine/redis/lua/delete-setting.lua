-- Deletes a setting of a tenant's admins.
-- KEYS  settings mark channel
-- ARGV  id kind
-- Answers the setting as JSON, or nothing when there was none
local settings, mark, channel = unpack(KEYS)
local id, kind = unpack(ARGV)
local json = redis.call('HGET', settings, id)
if not json then return false end
redis.call('HDEL', settings, id)
announceMarked(mark, channel, '{"type":"' .. kind .. '"}')
return json
