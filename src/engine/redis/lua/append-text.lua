-- Adds text to the end of a message that is being written, and announces it; the log has no entry of it.
-- KEYS  meta members messages log channel streams texts
-- ARGV  offset sequence messageId senderId at count (both in code points) paceMs silenceMs most perPart nonce retention
--       payload ("" as it is) text (JSON without quotes), then index and text of each part
-- Answers {"appended" | "repeated", length, isStopped} | {"misplaced" | "too-long", length} | {"ended", message}
--         | {"too-often", retryAfterMs} | {"not-found"} | {"not-sender"} | {"not-member"}
local meta, members, messages, log, channel, streams, texts = unpack(KEYS)
local offset, sequence, id, sender, at, count, paceMs, silenceMs, most, perPart, nonce, retention, payload, text =
  unpack(ARGV)
at, count, paceMs, perPart = tonumber(at), tonumber(count), tonumber(paceMs), tonumber(perPart)
local value = redis.call('HGET', messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local stream = streamAt(streams, sequence)
if not stream then return { 'ended', value } end
if stream.sender ~= sender then return { 'not-sender' } end
if redis.call('HEXISTS', members, sender) == 0 then return { 'not-member' } end
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
local time = now(offset)
local lines = splitMessage(value)
local aborted = abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
if aborted then return { 'ended', aborted } end

local function isThere()
  if at + count > stream.length then return false end
  local start = at % perPart
  for index = 15, #ARGV, 2 do
    local stored, part = redis.call('HGET', texts, partField(sequence, ARGV[index])), ARGV[index + 1]
    local place = placeOf(stored, start)
    if string.sub(stored, place, place + #part - 1) ~= part then return false end
    start = 0
  end
  return true
end

if at ~= stream.length then
  if isThere() then return { 'repeated', digits(stream.length), stream.isStopped and 1 or 0 } end
  return { 'misplaced', digits(stream.length) }
end
local free = math.max(stream.free, time) + paceMs
local early = free - time - math.max(1000, paceMs)
if paceMs > 0 and early > 0 then return { 'too-often', digits(early) } end
if at + count > tonumber(most) then return { 'too-long', digits(stream.length) } end
for index = 15, #ARGV, 2 do
  local field = partField(sequence, ARGV[index])
  redis.call('HSET', texts, field, (redis.call('HGET', texts, field) or '') .. ARGV[index + 1])
end
if payload ~= '' then
  lines[2] = WRITTEN .. '","payload":' .. payload .. STREAMING
  redis.call('HSET', messages, sequence, table.concat(lines, '\n'))
end
stream.length, stream.at, stream.free = at + count, time, free
keepStream(streams, sequence, stream)
if not stream.isHeld and (count > 0 or payload ~= '') then
  redis.call('SPUBLISH', channel, '{"type":"extension","extension":{"messageId":"' .. id .. '","offset":' .. digits(at)
    .. ',"length":' .. digits(at + count) .. ',"text":"' .. text .. '"'
    .. (payload == '' and '' or ',"payload":' .. payload) .. '}}')
end
return { 'appended', digits(at + count), stream.isStopped and 1 or 0 }
