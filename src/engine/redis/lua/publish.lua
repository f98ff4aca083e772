-- Keeps a publication among the latest of its topic and announces it.
-- KEYS  meta history channel
-- ARGV  offset nonce publication-as-a-fragment most milliseconds-to-live traceparent
-- Answers it as JSON
local meta, history, channel = unpack(KEYS)
local offset, nonce, fragment, most, life, trace = unpack(ARGV)
local state = redis.call('HMGET', meta, 'place', 'epoch', 'fence')
local place, epoch, fence = tonumber(state[1] or 0), state[2], runId()
-- What followed the last publication may be gone with the server's earlier life.
if fence ~= state[3] then epoch, place = nonce, 0 end
place = place + 1
redis.call('HSET', meta, 'place', digits(place), 'epoch', epoch, 'fence', fence)
local json = '{' .. fragment .. ',"timestamp":' .. digits(now(offset)) .. ',"position":{"epoch":"' .. epoch
  .. '","place":' .. digits(place) .. '}}'
redis.call('RPUSH', history, json)
redis.call('LTRIM', history, -tonumber(most), -1)
redis.call('PEXPIRE', meta, life)
redis.call('PEXPIRE', history, life)
redis.call('SPUBLISH', channel, '{"type":"publication"' .. traced(trace) .. ',"publication":' .. json .. '}')
return json
