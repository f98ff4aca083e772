-- Reads ranges of a user's list, and the facts by which the caller decides whether the list is up to date.
-- KEYS  the list (`openList` in waiting-notes.lua)
-- ARGV  limit count-of-ranges, then of each range: first last; then what the names of buckets begin with that are
--       counted, all of one length. Ranges of those that are empty are not read
-- Answers {unread, entries less memberships, {large…}, total, {name…} of each range…}
local list = openList(KEYS, 1)
local limit, ranges = ARGV[1], tonumber(ARGV[2])
local answer = {
  redis.call('GET', list.unread) or '0',
  redis.call('HLEN', list.entries) - redis.call('SCARD', list.conversations),
  redis.call('SMEMBERS', list.large), 0,
}
local counts, length = {}, 0
for index = 2 * ranges + 3, #ARGV do
  local name = ARGV[index]
  counts[name], length = redis.call('ZLEXCOUNT', list.order, '[' .. name, '(' .. name .. '~'), #name
  answer[4] = answer[4] + counts[name]
end
for index = 3, 2 * ranges + 1, 2 do
  -- After the bracket.
  local count = counts[string.sub(ARGV[index], 2, 1 + length)]
  answer[#answer + 1] = count == 0 and {}
    or redis.call('ZRANGE', list.order, ARGV[index], ARGV[index + 1], 'BYLEX', 'LIMIT', 0, limit)
end
return answer
