-- Lets one node at a time walk over the keys.
-- KEYS  walker
-- ARGV  node, milliseconds for which it holds the walk
-- Answers 1 when it is this node's, else 0
local walker = KEYS[1]
local holder = redis.call('GET', walker)
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', walker, ARGV[1], 'PX', ARGV[2])
return 1
