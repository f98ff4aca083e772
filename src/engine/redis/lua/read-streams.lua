-- Reads messages that may be being written, as they are shown. What writers who are silent left is aborted first.
-- KEYS  meta messages log channel streams texts
-- ARGV  offset silenceMs retention nonce perPart "1" | "0" (show also what is held), then sequences (none: all that are written)
-- Answers of each {message, "1" | "0" (is held), "1" | "0" (is asked to stop)} | false; of all, those that are written
local meta, messages, log, channel, streams, texts = unpack(KEYS)
local offset, silenceMs, retention, nonce, perPart, isWhole = unpack(ARGV)
perPart = tonumber(perPart)
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
local time, answer = now(offset), {}
local isAll = #ARGV == 6
local sequences = isAll and redis.call('HKEYS', streams) or { unpack(ARGV, 7) }

local function readOne(sequence)
  local value, stream = redis.call('HGET', messages, sequence), streamAt(streams, sequence)
  if not value then
    if stream then forgetStream(streams, texts, sequence, stream.length, perPart) end
    return false
  end
  if not stream then return { value, '0', '0' } end
  local lines = splitMessage(value)
  local aborted = abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
  if aborted then return not isAll and { aborted, '0', '0' } end
  if stream.isHeld and isWhole == '0' then
    lines = withNothing(lines)
  else
    lines = withText(lines, writtenText(texts, sequence, stream.length, perPart))
  end
  return { table.concat(lines, '\n'), stream.isHeld and '1' or '0', stream.isStopped and '1' or '0' }
end

for _, sequence in ipairs(sequences) do
  local one = readOne(sequence)
  if one or not isAll then answer[#answer + 1] = one end
end
return answer
