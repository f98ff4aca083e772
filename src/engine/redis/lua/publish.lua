-- Stores a publication among the latest of its topic and announces it, unless it is a repeated one.
-- KEYS  meta history channel sent, then the outbox of events if events are stored
-- ARGV  offset nonce publication-as-a-fragment most milliseconds-to-live milliseconds-known traceparent
--       id idempotencyMs ("" without a key) digest payload-as-a-fragment ("" unless it is kept with the key)
-- Answers {"published", its JSON} | {"earlier", the JSON stored under its key} | {"conflict"}
local meta, history, channel, sent = unpack(KEYS)
local offset, nonce, fragment, most, life, known, trace, id, keepMs, digest, payload = unpack(ARGV)
local time = now(offset)
if keepMs ~= '' then
  local earlier = earlierPublished(sent, digest, time)
  if earlier then return earlier end
end
local state = redis.call('HMGET', meta, 'place', 'epoch', 'history', 'fence')
local place, epoch = tonumber(state[1] or 0) + 1, state[2]
if state[3] == serverHistory() then
  redis.call('HSET', meta, 'place', digits(place))
else
  -- Successors of the last publication may have been lost with the server's earlier history.
  if not isOfThisRun(state[3], state[4]) then epoch, place = nonce, 1 end
  redis.call('HSET', meta, 'place', digits(place), 'epoch', epoch, 'history', serverHistory(), 'fence', runId())
end
local stamp = '"timestamp":' .. digits(time) .. ',"position":{"epoch":"' .. epoch .. '","place":' .. digits(place) .. '}}'
local json = '{' .. fragment .. ',' .. stamp
redis.call('RPUSH', history, json)
redis.call('LTRIM', history, -tonumber(most), -1)
redis.call('PEXPIRE', meta, known)
redis.call('PEXPIRE', history, life)
if keepMs ~= '' then
  local kept = '{"digest":"' .. digest .. '","id":"' .. id .. '",' .. payload .. stamp
  redis.call('SET', sent, digits(time + keepMs) .. ' ' .. kept, 'PX', keepMs)
end
announce(channel, '{"type":"publication"' .. traced(trace) .. ',"publication":' .. json .. '}')
return { 'published', json }
