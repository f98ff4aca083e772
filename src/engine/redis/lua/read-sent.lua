-- Reads the outcome of a message by its key.
-- KEYS  messages idempotency
-- ARGV  offset digest
-- Answers as append-message does; nil: nothing is known of one
local messages, idempotency = unpack(KEYS)
local offset, digest = unpack(ARGV)
return earlierSent(idempotency, messages, digest, now(offset)) or false
