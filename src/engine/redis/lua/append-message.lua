-- Appends a message: membership, idempotency, sequence, log and announcement in one.
-- KEYS  meta members messages log idempotency typing outbox channel
-- ARGV  offset retention senderId conversationKey nonce head content idempotencyMs ("" without a key) digest
--       traceparent ("" when it is not traced), then of a reply: sequence and id of its target
-- Answers {"appended" | "duplicate", message, unsettled} | {"diverted", fate, messageId} | {"not-member"}
--         | {"no-longer-kept"} | {"conflict"} | {"no-reply-target"}
local meta, members, messages, log, idempotency, typing, outbox, channel = unpack(KEYS)
local offset, retention, sender, conversation, nonce, head, content, keepMs, digest, trace = unpack(ARGV)
local targetSequence, targetId = ARGV[11], ARGV[12]
local member = redis.call('HGET', members, sender)
if not member then return { 'not-member' } end
local time = now(offset)
if keepMs ~= '' then
  local earlier = earlierSent(idempotency, messages, digest, time)
  if earlier and earlier[1] == 'duplicate' then earlier[3] = unsettled(outbox) end
  if earlier then return earlier end
end
if targetId and not isMessage(redis.call('HGET', messages, targetSequence), targetId) then
  return { 'no-reply-target' }
end
local sequence = redis.call('HINCRBY', meta, 'sequence', 1)
local position, place, epoch = advance(meta, nonce)
local lines = {
  '"id":"' .. conversation .. '.' .. sequence .. '.' .. string.sub(nonce, 1, 8) .. '","sequence":' .. sequence
    .. ',"timestamp":' .. digits(time) .. ',' .. head,
  content, '[]', position, digits(place),
}
local value = table.concat(lines, '\n')
redis.call('HSET', messages, sequence, value)
redis.call('HSET', meta, 'activity', digits(time))
redis.call('HSET', members, sender, withRead(member, sequence, digits(time)))
redis.call('ZREM', typing, sender)
if keepMs ~= '' then
  redis.call('SET', idempotency, sequence .. ':' .. digits(time + keepMs) .. ':' .. digest, 'PX', keepMs)
end
logChange(log, channel, 'SENT', sequence, lines, place, epoch, trace)
trim(meta, messages, log, tonumber(retention), sequence, place)
return { 'appended', value, unsettled(outbox) }
