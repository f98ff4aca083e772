-- Sets the event after which a new consumer begins in a partition.
-- KEYS  stream state
-- ARGV  "START" | "NOW" milliseconds-to-live
local stream, state = unpack(KEYS)
local last = ARGV[1] == 'NOW' and redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
redis.call('HSET', state, 'place', last and last[1] or '0-0')
redis.call('PEXPIRE', state, ARGV[2])
return 'begun'
