-- Appends a message that is read while it is written. It is stored as lines, never in the compact form.
-- KEYS  meta members messages log typing notes channel streams texts stops, then with a key those of `sent-keys.lua`;
--       then the outbox of events if events are stored
-- ARGV  as of append-message, then length "1" | "0" (is held) perPart silenceMs mostOfWriter most writer part…
-- Answers {"appended" | "duplicate", message, unapplied, 1 (the writer is asked to stop)} | {"diverted", fate, messageId}
--         | {"not-member"} | {"no-longer-kept"} | {"conflict"} | {"no-reply-target"} | {"full"}
local meta, members, messages, log, typing, notes, channel, streams, texts, stops = unpack(KEYS)
local offset, retention, senderId, key, conversation, nonce, sender, client, more, content, payload, isCompact, trace,
  targetSequence, targetId, field, digest, length, isHeld, perPart, silenceMs, mostOfWriter, most, writer = unpack(ARGV)
local FIRST_PART = 25
local member = redis.call('HGET', members, senderId)
if not member then return { 'not-member' } end
local time = now(offset)
dropOld(meta, messages, log, retention)
local sent = field ~= '' and { unpack(KEYS, 11, 15) }
if sent then
  local earlier = earlierSent(sent, field, digest, messages, time)
  if earlier and earlier[1] == 'duplicate' then earlier[3] = unapplied(notes) end
  if earlier then return earlier end
end
if targetId ~= '' and not isMessage(messageAt(messages, targetSequence), targetId) then
  return { 'no-reply-target' }
end
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
perPart = tonumber(perPart)
if not hasRoomToWrite(keys, writer, time, silenceMs, mostOfWriter, most, nonce, retention, perPart) then
  return { 'full' }
end
local stream = {
  length = tonumber(length), at = time, free = time, isHeld = isHeld == '1', writer = writer,
  isStopped = isStopWanted(stops, targetSequence, time), target = targetSequence == '' and '0' or targetSequence,
}
local sentAt = digits(time)
local _, place, epoch, sequence = advance(meta, nonce, sentAt)
local order = digits(sequence)
local lines = linesOf(key, conversation, epoch, order, string.sub(nonce, 1, 8), sentAt, sender, client, more, content, payload,
  digits(place))
redis.call('HSET', messages, order, table.concat(lines, '\n'))
if isCompact == '1' then foldBlock(messages, sequence) end
redis.call('HSET', members, senderId, withRead(member, order, sentAt))
redis.call('ZREM', typing, senderId)
if sent then keepSent(sent, field, digest, time, order, isCompact) end
keepStream(streams, order, stream)
for index = FIRST_PART, #ARGV do redis.call('HSET', texts, partField(order, index - FIRST_PART), ARGV[index]) end
lines = shown(lines, streams, texts, order, perPart)
logChange(log, channel, 'SENT', order, lines, place, epoch, trace)
if stream.isStopped then announceStop(channel, lines) end
trim(meta, messages, log, retention, sequence, place)
return { 'appended', table.concat(lines, '\n'), unapplied(notes), stream.isStopped and 1 or 0 }
