-- Renews a node's lease. A lease that is gone was swept: its node must begin another.
-- KEYS  leases
-- ARGV  offset nodeId leaseMs "begin" | "renew"
-- Answers 1 when the node holds its lease, 0 when it was swept
local offset, node, leaseMs, verb = unpack(ARGV)
if verb == 'renew' and not redis.call('ZSCORE', KEYS[1], node) then return 0 end
redis.call('ZADD', KEYS[1], digits(now(offset) + leaseMs), node)
return 1
