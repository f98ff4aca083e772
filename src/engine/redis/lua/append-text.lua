-- Adds text to the end of a message that is being written, and announces it, without an entry in the log. Hot path: it
-- runs for each token of each assistant. So numbers stay strings of digits, and rare cases are left to other scripts.
-- KEYS  members messages channel streams texts
-- ARGV  offset sequence messageId writer at length (both in code points, before and after) paceMs silenceMs most perPart
--       payload ("" as it is) announcement ("" nothing is new) "1" | "0" (held from here on),
--       then index and text (JSON without quotes) of each part
-- Answers {"appended" | "repeated", length, isStopped} | {"misplaced" | "too-long", length} | {"ended", message}
--         | {"too-often", retryAfterMs} | {"not-found"} | {"not-sender"} | {"not-member"}
--         | {"silent"} (the message must be aborted, as any read does)
local members, messages, channel, streams, texts = unpack(KEYS)
local offset, sequence, id, writer, at, length, paceMs, silenceMs, most, perPart, payload, announcement,
  hold = unpack(ARGV)
local FIRST_PART = 14
local call = redis.call
local value = messageAt(messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local stream = call('HGET', streams, sequence)
if not stream then return { 'ended', value } end
local stored, appendedAt, freeAt, isStopped, isHeld, target, startedBy = streamFields(stream)
if startedBy ~= writer then return { 'not-sender' } end
if call('HEXISTS', members, memberOf(writer)) == 0 then return { 'not-member' } end
local time = now(offset)
if time - appendedAt >= tonumber(silenceMs) then return { 'silent' } end

if at ~= stored then
  if tonumber(length) > tonumber(stored) then return { 'misplaced', stored } end
  local start = at % perPart
  for index = FIRST_PART, #ARGV, 2 do
    local there, part = call('HGET', texts, sequence .. '/' .. ARGV[index]), ARGV[index + 1]
    local place = byteOf(there, start)
    if string.sub(there, place, place + #part - 1) ~= part then return { 'misplaced', stored } end
    start = 0
  end
  return { 'repeated', stored, tonumber(isStopped) }
end
local nowDigits = digits(time)
local free = freeAt
if paceMs ~= '0' then
  local next = math.max(tonumber(freeAt), time) + paceMs
  local early = next - time - math.max(1000, tonumber(paceMs))
  if early > 0 then return { 'too-often', digits(early) } end
  free = digits(next)
end
if tonumber(length) > tonumber(most) then return { 'too-long', stored } end
for index = FIRST_PART, #ARGV, 2 do
  local field = sequence .. '/' .. ARGV[index]
  call('HSET', texts, field, (call('HGET', texts, field) or '') .. ARGV[index + 1])
end
if payload ~= '' then
  local lines = splitMessage(value)
  lines[2] = WRITTEN .. '","payload":' .. payload .. STREAMING
  call('HSET', messages, sequence, table.concat(lines, '\n'))
end
call('HSET', streams, sequence, streamValue(length, nowDigits, free, isStopped, hold == '1' and '1' or isHeld, target, writer))
if announcement ~= '' and isHeld == '0' then call('SPUBLISH', channel, announcement) end
return { 'appended', length, tonumber(isStopped) }
