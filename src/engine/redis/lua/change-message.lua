-- Edits or deletes a message.
-- KEYS  meta messages log channel
-- ARGV  offset retention sequence messageId nonce "EDITED" | "DELETED" content-without-times traceparent
-- Answers {"changed" | "unchanged", message} | {"not-found"} | {"deleted"}
local meta, messages, log, channel = unpack(KEYS)
local offset, retention, sequence, id, nonce, change, content, trace = unpack(ARGV)
local value = redis.call('HGET', messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local lines = splitMessage(value)
if string.sub(lines[2], 1, 13) ~= '"deletedAt":n' then
  if change == 'DELETED' then return { 'unchanged', value } end
  return { 'deleted' }
end
local time = digits(now(offset))
if change == 'DELETED' then
  local editedAt = string.match(lines[2], '^"deletedAt":null,"editedAt":(%w+)')
  lines[2] = '"deletedAt":' .. time .. ',"editedAt":' .. editedAt .. ',"content":"","payload":null'
  lines[3] = '[]'
else
  lines[2] = '"deletedAt":null,"editedAt":' .. time .. ',' .. content
end
local position, place, epoch = advance(meta, nonce)
lines[4] = position
value = table.concat(lines, '\n')
redis.call('HSET', messages, sequence, value)
logChange(log, channel, change, sequence, lines, place, epoch, trace)
trim(meta, messages, log, tonumber(retention), tonumber(redis.call('HGET', meta, 'sequence')), place)
return { 'changed', value }
