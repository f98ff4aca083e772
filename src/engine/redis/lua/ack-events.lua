-- Acknowledges the events of a partition that were handed out under a token, except failed and returned ones.
-- KEYS  stream state dead
-- ARGV  offset token attempts growth restMs keepMs count, then that many ids of failed events, then the ids of returned
-- ones
-- Answers "acknowledged" | "late"
local stream, state, dead = unpack(KEYS)
local offset, token, most, growth, restMs, keepMs, count = unpack(ARGV)
if redis.call('HGET', state, 'token') ~= token then
  return redis.call('HGET', state, 'acked') == token and 'acknowledged' or 'late'
end
local failed, returned, rest = {}, {}, 0
for index = 8, #ARGV do
  local among = index < 8 + tonumber(count) and failed or returned
  among[ARGV[index]] = true
end
for _, each in ipairs(pendingEvents(state)) do
  local id, attempts, handed = unpack(each)
  if handed == token then
    if returned[id] then
      redis.call('HSET', state, 'p:' .. id, digits(attempts - 1) .. ':')
    elseif not failed[id] then
      redis.call('HDEL', state, 'p:' .. id)
    elseif attempts >= tonumber(most) then
      giveUp(stream, state, dead, id, attempts)
    else
      rest = math.max(rest, math.min(1000 * tonumber(growth) ^ (attempts - 1), tonumber(restMs)))
    end
  end
end
redis.call('HDEL', state, 'token')
redis.call('HSET', state, 'acked', token, 'until', rest > 0 and digits(now(offset) + rest) or '0')
redis.call('PEXPIRE', state, keepMs)
redis.call('PEXPIRE', dead, keepMs)
return 'acknowledged'
