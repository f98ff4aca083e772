-- Releases the webhooks that a node holds.
-- KEYS  holders
-- ARGV  node
local fields = redis.call('HGETALL', KEYS[1])
for index = 1, #fields, 2 do
  if string.match(fields[index + 1], '^%S+') == ARGV[1] then redis.call('HSET', KEYS[1], fields[index], '- 0') end
end
return 'left'
