-- Drops events of a source that were forwarded, but for the last of them: the next has a number above it.
-- KEYS  outbox
-- ARGV  id-of-the-last milliseconds-it-stays
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
if redis.call('XLEN', KEYS[1]) <= 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 'trimmed'
