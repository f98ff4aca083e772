-- Reads the present time, and the typing users with the end of each.
-- KEYS  of each: typing
-- ARGV  offset
-- Answers of each {now, {userId, expiresAt, userId, expiresAt …}}
local time = digits(now(ARGV[1]))
local answer = {}
for at, typing in ipairs(KEYS) do
  answer[at] = { time, redis.call('ZRANGE', typing, '(' .. time, '+inf', 'BYSCORE', 'WITHSCORES') }
end
return answer
