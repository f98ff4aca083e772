-- Stores the outcome of a diverted message, unless its key has an outcome already.
-- KEYS  messages idempotency
-- ARGV  offset digest fate messageId ("" for none) idempotencyMs
local messages, idempotency = unpack(KEYS)
local offset, digest, fate, id, keepMs = unpack(ARGV)
local time = now(offset)
if earlierSent(idempotency, messages, digest, time) then return 0 end
local what = id == '' and fate or fate .. ' ' .. id
redis.call('SET', idempotency, what .. ':' .. digits(time + keepMs) .. ':' .. digest, 'PX', keepMs)
return 1
