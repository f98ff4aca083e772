-- Appends a message: membership, idempotency, sequence, log and announcement in one.
-- KEYS  meta members messages log idempotency typing outbox channel, then for a streamed message:
--       streams texts stops; then the outbox of events if events are stored
-- ARGV  offset retention senderId conversationKey nonce head content idempotencyMs ("" without a key) digest
--       traceparent ("" when it is not traced), sequence and id of what it replies to ("" "" for none), then of one that
--       is read while it is written: length "1" | "0" (is held) perPart silenceMs mostOfWriter most writer part…
-- Answers {"appended" | "duplicate", message, unsettled, 1 (the writer is asked to stop)} | {"diverted", fate, messageId} | {"not-member"}
--         | {"no-longer-kept"} | {"conflict"} | {"no-reply-target"} | {"full"}
local meta, members, messages, log, idempotency, typing, outbox, channel, streams, texts, stops = unpack(KEYS)
local offset, retention, sender, conversation, nonce, head, content, keepMs, digest, trace = unpack(ARGV)
local targetSequence, targetId = ARGV[11], ARGV[12]
local member = redis.call('HGET', members, sender)
if not member then return { 'not-member' } end
local time = now(offset)
dropOld(meta, messages, log, retention)
if keepMs ~= '' then
  local earlier = earlierSent(idempotency, messages, digest, time)
  if earlier and earlier[1] == 'duplicate' then earlier[3] = unsettled(outbox) end
  if earlier then return earlier end
end
if targetId ~= '' and not isMessage(redis.call('HGET', messages, targetSequence), targetId) then
  return { 'no-reply-target' }
end
local stream, perPart
if ARGV[13] then
  local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
  perPart = tonumber(ARGV[15])
  if not hasRoomToWrite(keys, ARGV[19], time, ARGV[16], ARGV[17], ARGV[18], nonce, retention, perPart) then
    return { 'full' }
  end
  stream = {
    length = tonumber(ARGV[13]), at = time, free = time, isHeld = ARGV[14] == '1', writer = ARGV[19],
    isStopped = isStopWanted(stops, targetSequence, time), target = targetSequence == '' and '0' or targetSequence,
  }
end
local sentAt = digits(time)
local position, place, epoch, sequence = advance(meta, nonce, sentAt)
local lines = {
  '"id":"' .. conversation .. '.' .. sequence .. '.' .. string.sub(nonce, 1, 8) .. '","sequence":' .. sequence
    .. ',"timestamp":' .. sentAt .. ',' .. head,
  content, '[]', position, digits(place),
}
local value = table.concat(lines, '\n')
redis.call('HSET', messages, sequence, value)
redis.call('HSET', members, sender, withRead(member, sequence, sentAt))
redis.call('ZREM', typing, sender)
if keepMs ~= '' then
  redis.call('SET', idempotency, sequence .. ':' .. digits(time + keepMs) .. ':' .. digest, 'PX', keepMs)
end
if stream then
  keepStream(streams, sequence, stream)
  for index = 20, #ARGV do redis.call('HSET', texts, partField(sequence, index - 20), ARGV[index]) end
  lines = shown(lines, streams, texts, sequence, perPart)
  value = table.concat(lines, '\n')
end
logChange(log, channel, 'SENT', sequence, lines, place, epoch, trace)
if stream and stream.isStopped then announceStop(channel, lines) end
trim(meta, messages, log, retention, sequence, place)
return { 'appended', value, unsettled(outbox), stream and stream.isStopped and 1 or 0 }
