-- Drops forwarded events of a subject except the last, since the next number must be above it.
-- KEYS  outbox
-- ARGV  id-of-the-last milliseconds-it-stays
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
if redis.call('XLEN', KEYS[1]) <= 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 'trimmed'
