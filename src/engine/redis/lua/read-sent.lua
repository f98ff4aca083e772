-- Reads the outcome of a message by its key.
-- KEYS  messages, then those of `sent-keys.lua`
-- ARGV  offset field digest
-- Answers as append-message does; nil: nothing is known of one
local offset, field, digest = unpack(ARGV)
return earlierSent({ unpack(KEYS, 2) }, field, digest, KEYS[1], now(offset)) or false
