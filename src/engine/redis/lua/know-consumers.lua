-- Whether a tenant has consumers. If not, notes that this node caches that for a while.
-- KEYS  consumers unaware
-- ARGV  node milliseconds
local consumers, unaware = unpack(KEYS)
local node, life = unpack(ARGV)
if redis.call('EXISTS', consumers) == 1 then return 1 end
local time = now(0)
redis.call('ZADD', unaware, digits(time + life), node)
redis.call('ZREMRANGEBYSCORE', unaware, '-inf', digits(time))
redis.call('PEXPIRE', unaware, life)
return 0
