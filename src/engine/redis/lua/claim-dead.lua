-- Declares nodes dead whose lease ended, and claims for the caller those that no other node sweeps now.
-- KEYS  leases dead sweepers
-- ARGV  offset nodeId claimMs
-- Answers nodeIds; the caller sweeps each for claimMs, and longer when it asks again
local leases, dead, sweepers = unpack(KEYS)
local offset, sweeper, claimMs = unpack(ARGV)
local time = now(offset)
for _, node in ipairs(redis.call('ZRANGE', leases, '-inf', digits(time), 'BYSCORE')) do
  redis.call('ZREM', leases, node)
  redis.call('SADD', dead, node)
end
local claimed = {}
for _, node in ipairs(redis.call('SMEMBERS', dead)) do
  local owner, ending = string.match(redis.call('HGET', sweepers, node) or '', '^(%S+) (%d+)$')
  if not owner or owner == sweeper or tonumber(ending) <= time then
    redis.call('HSET', sweepers, node, sweeper .. ' ' .. digits(time + claimMs))
    claimed[#claimed + 1] = node
  end
end
return claimed
