-- Finishes a streamed message.
-- KEYS  meta members messages log channel streams texts, then the outbox of events if events are stored
-- ARGV  offset retention sequence messageId nonce writer "COMPLETE" | "ABORTED" length ("" any) silenceMs perPart
--       traceparent content ("" the text that was written, else JSON) payload ("" as it is, else JSON)
-- Answers {"finished" | "ended", message} | {"misplaced", length} | {"not-found"} | {"not-sender"} | {"not-member"}
local meta, members, messages, log, channel, streams, texts = unpack(KEYS)
local offset, retention, sequence, id, nonce, writer, state, length, silenceMs, perPart, trace, content, payload =
  unpack(ARGV)
perPart = tonumber(perPart)
local value = messageAt(messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local stream = streamAt(streams, sequence)
if not stream then return { 'ended', value } end
if stream.writer ~= writer then return { 'not-sender' } end
if redis.call('HEXISTS', members, memberOf(writer)) == 0 then return { 'not-member' } end
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
local lines = splitMessage(value)
local aborted = abortSilent(keys, sequence, lines, stream, now(offset), silenceMs, nonce, retention, perPart)
if aborted then return { 'ended', aborted } end
if length ~= '' and tonumber(length) ~= stream.length then return { 'misplaced', digits(stream.length) } end
local text = content == '' and writtenText(texts, sequence, stream.length, perPart) or string.sub(content, 2, -2)
if payload == '' then payload = streamedPayload(lines) end
return { 'finished', endStream(keys, sequence, lines, stream, state, text, payload, nonce, retention, trace, perPart) }
