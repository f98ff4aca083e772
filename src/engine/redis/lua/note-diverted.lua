-- Stores the outcome of a diverted message, unless its key has an outcome already.
-- KEYS  messages, then those of `sent-keys.lua`
-- ARGV  offset field digest fate messageId ("" for none) "1" | "0" (compact)
local messages, sent = KEYS[1], { unpack(KEYS, 2) }
local offset, field, digest, fate, id, isCompact = unpack(ARGV)
local time = now(offset)
if earlierSent(sent, field, digest, messages, time) then return 0 end
keepSent(sent, field, digest, time, id == '' and fate or fate .. ' ' .. id, isCompact)
return 1
