-- Reads the messages between two sequences that are kept, counted from the first or the last of them.
-- KEYS  meta messages log
-- ARGV  after before ("" to the last) limit "first" | "last" retention
-- Answers {first kept, last, message…}
local meta, messages, log = unpack(KEYS)
local after, before, limit, from = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
dropOld(meta, messages, log, ARGV[5])
local state = redis.call('HMGET', meta, 'first', 'sequence')
if not state[1] then return { '1', '0' } end
local first, last = tonumber(state[1]), tonumber(state[2])
local lowest = math.max(after + 1, first)
local highest = math.min((before or last + 1) - 1, last)
if from == 'first' then
  highest = math.min(highest, lowest + limit - 1)
else
  lowest = math.max(lowest, highest - limit + 1)
end
local answer = { digits(first), digits(last) }
if highest < lowest then return answer end
local fields = {}
for sequence = lowest, highest do fields[#fields + 1] = digits(sequence) end
for _, value in ipairs(redis.call('HMGET', messages, unpack(fields))) do answer[#answer + 1] = value end
return answer
