-- Reads messages that may be being written, as callers see them. Messages of silent writers are aborted first.
-- KEYS  meta messages log channel streams texts, then the outbox of events if events are stored
-- ARGV  offset silenceMs retention nonce perPart writer (only what they write, also what is held; "": as it is shown)
--       most (bytes after which the read ends)
--       after (all that are written past a sequence) | "" (those named), then sequences
-- Answers {the last sequence that was looked at, "" after all of them}, then of each
--         {message, "1" | "0" (is held), "1" | "0" (is asked to stop)} | false; of all, those that are written
local meta, messages, log, channel, streams, texts = unpack(KEYS)
local offset, silenceMs, retention, nonce, perPart, writer, most, after = unpack(ARGV)
perPart = tonumber(perPart)
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
local time, left = now(offset), tonumber(most)
local isAll = after ~= ''
local sequences = { unpack(ARGV, 9) }
if isAll then
  for _, sequence in ipairs(redis.call('HKEYS', streams)) do
    if tonumber(sequence) > tonumber(after) then sequences[#sequences + 1] = sequence end
  end
  table.sort(sequences, function(one, other) return tonumber(one) < tonumber(other) end)
end

local function readOne(sequence)
  local value, stream = messageAt(messages, sequence), streamAt(streams, sequence)
  if not value then
    if stream then forgetStream(streams, texts, sequence, stream.length, perPart) end
    return false
  end
  if writer ~= '' and (not stream or stream.writer ~= writer) then return false end
  left = left - #value
  if not stream then return not isAll and { value, '0', '0' } end
  local lines = splitMessage(value)
  local aborted = abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
  if aborted then
    left = left - #aborted
    return not isAll and { aborted, '0', '0' }
  end
  if stream.isHeld and writer == '' then
    lines = withNothing(lines)
  else
    lines = withText(lines, writtenText(texts, sequence, stream.length, perPart))
  end
  left = left - #lines[2]
  return { table.concat(lines, '\n'), stream.isHeld and '1' or '0', stream.isStopped and '1' or '0' }
end

local answer = { '' }
for index, sequence in ipairs(sequences) do
  local one = readOne(sequence)
  if one or not isAll then answer[#answer + 1] = one end
  if left <= 0 and index < #sequences then
    answer[1] = sequence
    break
  end
end
return answer
