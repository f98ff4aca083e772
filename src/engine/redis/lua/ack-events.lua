-- Acknowledges what was handed out of a partition under a token, but for what failed.
-- KEYS  stream state dead
-- ARGV  offset token attempts ackMs keepMs, then the ids of what failed
-- Answers "acknowledged" | "late"
local stream, state, dead = unpack(KEYS)
local offset, token, most, ackMs, keepMs = unpack(ARGV)
if redis.call('HGET', state, 'token') ~= token then
  return redis.call('HGET', state, 'acked') == token and 'acknowledged' or 'late'
end
local failed, rest = {}, 0
for index = 6, #ARGV do failed[ARGV[index]] = true end
for _, each in ipairs(pendingEvents(state)) do
  local id, attempts, handed = unpack(each)
  if handed == token then
    if not failed[id] then
      redis.call('HDEL', state, 'p:' .. id)
    elseif attempts >= tonumber(most) then
      giveUp(stream, state, dead, id, attempts)
    else
      rest = math.max(rest, math.min(1000 * 2 ^ (attempts - 1), tonumber(ackMs)))
    end
  end
end
redis.call('HDEL', state, 'token')
redis.call('HSET', state, 'acked', token, 'until', rest > 0 and digits(now(offset) + rest) or '0')
redis.call('PEXPIRE', state, keepMs)
redis.call('PEXPIRE', dead, keepMs)
return 'acknowledged'
