-- Stores the outcome of a diverted publication, unless its key has an outcome already.
-- KEYS  sent
-- ARGV  offset digest diversion-as-a-fragment idempotencyMs
local sent = KEYS[1]
local offset, digest, diversion, keepMs = unpack(ARGV)
local time = now(offset)
if earlierPublished(sent, digest, time) then return 0 end
local kept = '{"digest":"' .. digest .. '",' .. diversion .. '}'
redis.call('SET', sent, digits(time + keepMs) .. ' ' .. kept, 'PX', keepMs)
return 1
