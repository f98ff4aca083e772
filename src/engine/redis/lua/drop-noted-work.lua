-- Drops another node's note (noted-work.ts) whose work is done, unless the subject was noted again since.
-- KEYS  notes
-- ARGV  note milliseconds
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 'forgotten'
