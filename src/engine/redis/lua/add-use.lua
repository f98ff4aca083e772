-- Adds to what was used of a rate.
-- KEYS  use
-- ARGV  count milliseconds-to-live
-- Answers the sum
local use = unpack(KEYS)
local count, life = unpack(ARGV)
local sum = redis.call('INCRBY', use, count)
redis.call('PEXPIRE', use, life)
return sum
