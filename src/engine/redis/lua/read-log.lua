-- Reads log entries past a place, with the present state of their messages.
-- KEYS  meta messages log notes
-- ARGV  place limit retention most (bytes after which the read ends)
-- Answers {unapplied, lineage, head, epoch, floor, {place, change, epoch ("" that of the lineage), message | false}…} | {{}} when there is no log
local meta, messages, log, notes = unpack(KEYS)
dropOld(meta, messages, log, ARGV[3])
local state = redis.call('HMGET', meta, 'lineage', 'place', 'epoch', 'floor')
if not state[1] then return { {} } end
local answer = { unapplied(notes), state[1], state[2], state[3], state[4] }
local left = tonumber(ARGV[4])
for _, entry in ipairs(redis.call('XRANGE', log, '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])) do
  local change, sequence, epoch = entryFields(entry)
  local value = messageAt(messages, sequence)
  answer[#answer + 1] = { string.match(entry[1], '^%d+'), change, epoch, value }
  left = left - weightOf(value)
  if left <= 0 then break end
end
return answer
