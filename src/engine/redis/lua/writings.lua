-- Streamed messages. Used by scripts that name its functions.
--
-- Line 2 of such a message (see `messages.lua`) ends with its state. While it is STREAMING its content there is
-- empty: the text is in `texts`, in parts named `sequence/0`, `sequence/1` … as JSON without quotes, so that their
-- concatenation is the content; and `streams` has a field of its sequence, see `streamAt`.

local WRITTEN = '"deletedAt":null,"editedAt":null,"content":"'
local STREAMING = ',"state":"STREAMING"'

-- The state of a message being written is stored as length:appendedAt:freeAt:isStopped:isHeld:sequenceOfTarget:writer.
local function streamFields(value)
  return string.match(value, '^(%d+):(%d+):(%d+):(%d):(%d):(%d+):(.*)$')
end

-- The inverse of `streamFields`; each field is a string.
local function streamValue(length, at, free, stopped, held, target, writer)
  return length .. ':' .. at .. ':' .. free .. ':' .. stopped .. ':' .. held .. ':' .. target .. ':' .. writer
end

-- The same as a table; nil: it is not being written.
local function streamAt(streams, sequence)
  local value = redis.call('HGET', streams, sequence)
  if not value then return nil end
  local length, at, free, stopped, held, target, writer = streamFields(value)
  return {
    length = tonumber(length), at = tonumber(at), free = tonumber(free), isStopped = stopped == '1', isHeld = held == '1',
    target = target, writer = writer,
  }
end

local function keepStream(streams, sequence, stream)
  redis.call('HSET', streams, sequence, streamValue(
    digits(stream.length), digits(stream.at), digits(stream.free), stream.isStopped and '1' or '0',
    stream.isHeld and '1' or '0', stream.target, stream.writer))
end

-- The member for whom a writer writes: the sender. A back end that writes for the sender follows the
-- sender in the writer's key.
local function memberOf(writer)
  return string.match(writer, '^[^ ]+')
end

local function partField(sequence, index)
  return sequence .. '/' .. digits(index)
end

-- The fields of a text's parts; `perPart`: code points of each but the last.
local function partFields(sequence, length, perPart)
  local fields = {}
  for index = 0, math.ceil(length / perPart) - 1 do fields[#fields + 1] = partField(sequence, index) end
  return fields
end

local function writtenText(texts, sequence, length, perPart)
  local fields = partFields(sequence, length, perPart)
  if #fields == 0 then return '' end
  return table.concat(redis.call('HMGET', texts, unpack(fields)))
end

-- The weight of a stored message in bytes; false for none. A message being written counts as the longest, since its
-- text is elsewhere.
local function weightOf(value)
  if not value then return 0 end
  return string.find(value, STREAMING, 1, true) and 65536 or #value
end

local function isStreaming(lines)
  return string.sub(lines[2], -#STREAMING) == STREAMING
end

-- A message that is being written, with this text.
local function withText(lines, text)
  return { lines[1], WRITTEN .. text .. string.sub(lines[2], #WRITTEN + 1), lines[3], lines[4], lines[5] }
end

-- A held message shows nothing, since rules may still change its payload, too.
local function withNothing(lines)
  return { lines[1], WRITTEN .. '","payload":null' .. STREAMING, lines[3], lines[4], lines[5] }
end

-- A message as callers see it: one being written has its text so far, unless that is held.
local function shown(lines, streams, texts, sequence, perPart)
  if not isStreaming(lines) then return lines end
  local stream = streamAt(streams, sequence)
  if not stream then return lines end
  if stream.isHeld then return withNothing(lines) end
  return withText(lines, writtenText(texts, sequence, stream.length, perPart))
end

-- The payload of a message that is being written, as JSON.
local function streamedPayload(lines)
  return string.sub(lines[2], #WRITTEN + #'","payload":' + 1, -#STREAMING - 1)
end

local function forgetStream(streams, texts, sequence, length, perPart)
  redis.call('HDEL', streams, sequence)
  local fields = partFields(sequence, length, perPart)
  if #fields > 0 then redis.call('HDEL', texts, unpack(fields)) end
end

-- Stores a changed message under the next place of the log, and announces it. Returns it as callers see it.
local function storeChange(keys, change, sequence, lines, nonce, retention, trace, perPart)
  local position, place, epoch = advance(keys.meta, nonce)
  lines[4] = position
  redis.call('HSET', keys.messages, sequence, table.concat(lines, '\n'))
  lines = shown(lines, keys.streams, keys.texts, sequence, perPart)
  logChange(keys.log, keys.channel, change, sequence, lines, place, epoch, trace)
  trim(keys.meta, keys.messages, keys.log, retention, tonumber(redis.call('HGET', keys.meta, 'sequence')), place)
  return table.concat(lines, '\n')
end

-- Finishes or aborts a message at the next place of the log. `text` and `payload` are JSON, the text without quotes.
local function endStream(keys, sequence, lines, stream, state, text, payload, nonce, retention, trace, perPart)
  forgetStream(keys.streams, keys.texts, sequence, stream.length, perPart)
  local ending = state == 'COMPLETE' and '' or ',"state":"' .. state .. '"'
  lines[2] = WRITTEN .. text .. '","payload":' .. payload .. ending
  return storeChange(keys, 'FINISHED', sequence, lines, nonce, retention, trace, perPart)
end

-- Aborts a message whose writer has been silent for too long. Returns its new value; nil: the writer is alive.
local function abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
  if time - stream.at < tonumber(silenceMs) then return nil end
  -- Held text did not pass the rules, so it is dropped.
  local text = stream.isHeld and '' or writtenText(keys.texts, sequence, stream.length, perPart)
  local payload = stream.isHeld and 'null' or streamedPayload(lines)
  return endStream(keys, sequence, lines, stream, 'ABORTED', text, payload, nonce, retention, '', perPart)
end

-- Whether a writer may begin another message here. Messages of silent writers are aborted first; those that are too
-- many to abort at once do not count. Messages of active writers are not read, since each may have a payload.
local function hasRoomToWrite(keys, writer, time, silenceMs, mostOfWriter, most, nonce, retention, perPart)
  local all, own, left = 0, 0, READING_BYTES
  for _, sequence in ipairs(redis.call('HKEYS', keys.streams)) do
    local stream = streamAt(keys.streams, sequence)
    if redis.call('HEXISTS', keys.messages, sequence) == 0 then
      forgetStream(keys.streams, keys.texts, sequence, stream.length, perPart)
    elseif time - stream.at >= tonumber(silenceMs) then
      if left > 0 then
        local lines = splitMessage(redis.call('HGET', keys.messages, sequence))
        left = left - #abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
      end
    else
      all = all + 1
      if stream.writer == writer then own = own + 1 end
    end
  end
  return own < tonumber(mostOfWriter) and all < tonumber(most)
end

-- Whether a recent request asks to stop replies to a message.
local function isStopWanted(stops, target, time)
  if target == '' then return false end
  return (tonumber(redis.call('ZSCORE', stops, target) or nil) or 0) > time
end

local function announceStop(channel, lines)
  redis.call('SPUBLISH', channel, '{"type":"stop","message":' .. messageJson(lines) .. '}')
end

-- The byte at which a code point begins in JSON text without quotes; escapes are a backslash and one character.
local function byteOf(text, count)
  local place = 1
  for _ = 1, count do
    local byte = string.byte(text, place)
    if byte == 92 then place = place + 2
    elseif byte < 128 then place = place + 1
    elseif byte < 224 then place = place + 2
    elseif byte < 240 then place = place + 3
    else place = place + 4 end
  end
  return place
end
