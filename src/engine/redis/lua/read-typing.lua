-- Reads the time now, and who types with the times at which it ends.
-- KEYS  typing
-- ARGV  offset
-- Answers {now, {userId, expiresAt, userId, expiresAt …}}
local time = digits(now(ARGV[1]))
return { time, redis.call('ZRANGE', KEYS[1], '(' .. time, '+inf', 'BYSCORE', 'WITHSCORES') }
