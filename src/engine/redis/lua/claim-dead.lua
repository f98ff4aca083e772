-- Declares nodes whose lease ended dead, and lists all the dead there still are.
-- KEYS  leases dead
-- ARGV  offset
-- Answers nodeIds
local time = digits(now(ARGV[1]))
for _, node in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', time, 'BYSCORE')) do
  redis.call('ZREM', KEYS[1], node)
  redis.call('SADD', KEYS[2], node)
end
return redis.call('SMEMBERS', KEYS[2])
