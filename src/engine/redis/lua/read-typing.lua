-- Reads who types now, with the times at which it ends.
-- KEYS  typing
-- ARGV  offset
-- Answers userId expiresAt userId expiresAt …
return redis.call('ZRANGE', KEYS[1], '(' .. digits(now(ARGV[1])), '+inf', 'BYSCORE', 'WITHSCORES')
