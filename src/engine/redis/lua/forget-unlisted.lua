-- Forgets that a conversation is to be told to lists, unless it was noted anew since.
-- KEYS  unlisted
-- ARGV  note milliseconds
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 'forgotten'
