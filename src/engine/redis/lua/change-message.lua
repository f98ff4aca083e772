-- Edits or deletes a message.
-- KEYS  meta messages log channel streams texts, then the outbox of events if events are stored
-- ARGV  offset retention sequence messageId nonce "EDITED" | "DELETED" content-without-times (of a deletion: who did it, or "") traceparent perPart
-- Answers {"changed" | "unchanged", message} | {"not-found"} | {"deleted"} | {"being-written"}
local meta, messages, log, channel, streams, texts = unpack(KEYS)
local offset, retention, sequence, id, nonce, change, content, trace, perPart = unpack(ARGV)
perPart = tonumber(perPart)
dropOld(meta, messages, log, retention)
local value = messageAt(messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local lines = splitMessage(value)
if string.sub(lines[2], 1, 13) ~= '"deletedAt":n' then
  if change == 'DELETED' then return { 'unchanged', value } end
  return { 'deleted' }
end
local isWritten = isStreaming(lines)
if isWritten and change == 'EDITED' then return { 'being-written' } end
-- A message keeps its state, which follows its payload, also one that only a newer version knows.
local ending = string.match(lines[2], ',"state":"[^"]+"$') or ''
if isWritten then
  local stream = streamAt(streams, sequence)
  if stream then forgetStream(streams, texts, sequence, stream.length, perPart) end
  ending = ',"state":"ABORTED"'
end
local time = digits(now(offset))
if change == 'DELETED' then
  local editedAt = string.match(lines[2], '^"deletedAt":null,"editedAt":(%w+)')
  lines[2] = '"deletedAt":' .. time .. ',"editedAt":' .. editedAt .. ',"content":"","payload":null'
    .. (content == '' and '' or ',' .. content) .. ending
  lines[3] = '[]'
else
  lines[2] = '"deletedAt":null,"editedAt":' .. time .. ',' .. content .. ending
end
dissolveBlock(messages, sequence)
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
return { 'changed', storeChange(keys, change, sequence, lines, nonce, retention, trace, perPart) }
