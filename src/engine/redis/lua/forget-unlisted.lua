-- Drops the note that lists must be updated from a conversation, unless it was noted again since.
-- KEYS  unlisted
-- ARGV  note milliseconds
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 'forgotten'
