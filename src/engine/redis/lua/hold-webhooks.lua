-- Extends a node's hold on its webhooks, and takes some more that no node holds.
-- KEYS  holders: for each enabled webhook, "node until"
-- ARGV  offset node milliseconds most
-- Answers the fields of all webhooks that the node holds
local holders = KEYS[1]
local offset, node, life, most = unpack(ARGV)
local time, left, held = now(offset), tonumber(most), {}
local fields = redis.call('HGETALL', holders)
for index = 1, #fields, 2 do
  local holder, untilMs = string.match(fields[index + 1], '^(%S+) (%d+)$')
  local isFree = tonumber(untilMs) <= time
  if holder == node or (isFree and left > 0) then
    if holder ~= node then left = left - 1 end
    redis.call('HSET', holders, fields[index], node .. ' ' .. digits(time + tonumber(life)))
    held[#held + 1] = fields[index]
  end
end
return held
