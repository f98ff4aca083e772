-- Keeps a publication among the latest of its topic and announces it, unless it is a repeated one.
-- KEYS  meta history channel sent
-- ARGV  offset nonce publication-as-a-fragment most milliseconds-to-live traceparent
--       id idempotencyMs ("" without a key)
-- Answers it as JSON; of a repeated one the id, timestamp and position of the first
local meta, history, channel, sent = unpack(KEYS)
local offset, nonce, fragment, most, life, trace, id, keepMs = unpack(ARGV)
local time = now(offset)
if keepMs ~= '' then
  local expiresAt, earlier = string.match(redis.call('GET', sent) or '', '^(%d+) (.+)$')
  if earlier and tonumber(expiresAt) > time then return earlier end
end
local state = redis.call('HMGET', meta, 'place', 'epoch', 'fence')
local place, epoch, fence = tonumber(state[1] or 0), state[2], runId()
-- What followed the last publication may be gone with the server's earlier life.
if fence ~= state[3] then epoch, place = nonce, 0 end
place = place + 1
redis.call('HSET', meta, 'place', digits(place), 'epoch', epoch, 'fence', fence)
local stamp = '"timestamp":' .. digits(time) .. ',"position":{"epoch":"' .. epoch .. '","place":' .. digits(place) .. '}}'
local json = '{' .. fragment .. ',' .. stamp
redis.call('RPUSH', history, json)
redis.call('LTRIM', history, -tonumber(most), -1)
redis.call('PEXPIRE', meta, life)
redis.call('PEXPIRE', history, life)
if keepMs ~= '' then
  redis.call('SET', sent, digits(time + keepMs) .. ' {"id":"' .. id .. '",' .. stamp, 'PX', keepMs)
end
redis.call('SPUBLISH', channel, '{"type":"publication"' .. traced(trace) .. ',"publication":' .. json .. '}')
return json
