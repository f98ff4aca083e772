-- Makes resting events of a partition due at once, and dead letters new again.
-- KEYS  stream state dead
-- ARGV  offset from most keepMs
-- Answers the number of those dead letters
local stream, state, dead = unpack(KEYS)
local offset, from, most, keepMs = unpack(ARGV)
redis.call('XTRIM', stream, 'MINID', digits(now(offset) - keepMs))
if redis.call('HEXISTS', state, 'place') == 1 and redis.call('HEXISTS', state, 'token') == 0 then
  redis.call('HSET', state, 'until', '0')
end
-- For a count of 0 Redis does not answer a list.
if most == '0' then return 0 end
local count = 0
for _, letter in ipairs(redis.call('XRANGE', dead, from, '+', 'COUNT', most)) do
  local id = fieldOf(letter, 'i')
  if eventAt(stream, id) then
    redis.call('HSET', state, 'p:' .. id, '0:')
    redis.call('XDEL', dead, letter[1])
    count = count + 1
  end
end
if count > 0 then redis.call('PEXPIRE', state, keepMs) end
return count
