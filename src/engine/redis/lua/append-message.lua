-- Appends a message: membership, idempotency, sequence, log and announcement in one.
-- KEYS  meta members messages log typing notes channel, then with a key those of `sent-keys.lua`; then the outbox of
--       events if events are stored
-- ARGV  offset retention senderId, of `linesOf`: key conversation nonce sender client more content payload; then
--       "1" | "0" (compact) traceparent ("" when it is not traced), sequence and id of what it replies to ("" "" for none),
--       field ("" without a key) digest
-- Answers {"sent", unapplied, sequence, timestamp, place, epoch} | {"duplicate", message, unapplied} | {"diverted", fate, messageId} | {"not-member"}
--         | {"no-longer-kept"} | {"conflict"} | {"no-reply-target"}
local meta, members, messages, log, typing, notes, channel = unpack(KEYS)
local offset, retention, senderId, key, conversation, nonce, sender, client, more, content, payload, isCompact, trace,
  targetSequence, targetId, field, digest = unpack(ARGV)
local member = redis.call('HGET', members, senderId)
if not member then return { 'not-member' } end
local time = now(offset)
dropOld(meta, messages, log, retention)
local sent = field ~= '' and { unpack(KEYS, 8, 12) }
if sent then
  local earlier = earlierSent(sent, field, digest, messages, time)
  if earlier and earlier[1] == 'duplicate' then earlier[3] = unapplied(notes) end
  if earlier then return earlier end
end
if targetId ~= '' and not isMessage(messageAt(messages, targetSequence), targetId) then
  return { 'no-reply-target' }
end
local sentAt = digits(time)
local _, place, epoch, sequence = advance(meta, nonce, sentAt)
local at, order, short = digits(place), digits(sequence), string.sub(nonce, 1, 8)
local lines = linesOf(key, conversation, epoch, order, short, sentAt, sender, client, more, content, payload, at)
if isCompact == '1' then
  redis.call('HSET', messages, order, key .. '\2' .. conversation .. '\2' .. epoch .. '\1' .. short .. sentAt .. '\2' .. sender
    .. '\2' .. client .. '\2' .. more .. '\2' .. content .. '\2' .. payload .. '\2' .. at)
  foldBlock(messages, sequence)
else
  redis.call('HSET', messages, order, table.concat(lines, '\n'))
end
redis.call('HSET', members, senderId, withRead(member, order, sentAt))
redis.call('ZREM', typing, senderId)
if sent then keepSent(sent, field, digest, time, order, isCompact) end
-- Last, since Redis may refuse an announcement, and keeps what the script wrote before.
if isCompact == '1' then
  redis.call('XADD', log, at .. '-0', 's', order)
  announceChange(channel, 'SENT', lines, trace)
else
  logChange(log, channel, 'SENT', order, lines, place, epoch, trace)
end
trim(meta, messages, log, retention, sequence, place)
return { 'sent', unapplied(notes), order, sentAt, at, epoch }
