-- Reads the time now, and who types with the times at which it ends.
-- KEYS  of each: typing
-- ARGV  offset
-- Answers of each {now, {userId, expiresAt, userId, expiresAt …}}
local time = digits(now(ARGV[1]))
local answer = {}
for at, typing in ipairs(KEYS) do
  answer[at] = { time, redis.call('ZRANGE', typing, '(' .. time, '+inf', 'BYSCORE', 'WITHSCORES') }
end
return answer
