-- Reads ranges of a user's list, and what has to be known before they can be relied on.
-- KEYS  conversations order entries unread large
-- ARGV  limit count-of-ranges, then of each range: first last; then of each bucket whose size is asked: its name
-- Answers {unread, entries less memberships, {large…}, total, {name…} of each range…}
local conversations, order, entries, unread, large = unpack(KEYS)
local limit, ranges = ARGV[1], tonumber(ARGV[2])
local answer = {
  redis.call('GET', unread) or '0',
  redis.call('HLEN', entries) - redis.call('SCARD', conversations),
  redis.call('SMEMBERS', large), 0,
}
for index = 2 * ranges + 3, #ARGV do
  answer[4] = answer[4] + redis.call('ZLEXCOUNT', order, '[' .. ARGV[index], '(' .. ARGV[index] .. '~')
end
for index = 3, 2 * ranges + 1, 2 do
  answer[#answer + 1] = redis.call('ZRANGE', order, ARGV[index], ARGV[index + 1], 'BYLEX', 'LIMIT', 0, limit)
end
return answer
