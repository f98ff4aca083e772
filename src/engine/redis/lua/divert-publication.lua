-- Notes what became of a publication that is not in its topic, unless something is known under its key already.
-- KEYS  sent
-- ARGV  offset digest diversion-as-a-fragment idempotencyMs
local sent = KEYS[1]
local offset, digest, diversion, keepMs = unpack(ARGV)
local time = now(offset)
if earlierPublished(sent, digest, time) then return 0 end
local kept = '{"digest":"' .. digest .. '",' .. diversion .. '}'
redis.call('SET', sent, digits(time + keepMs) .. ' ' .. kept, 'PX', keepMs)
return 1
