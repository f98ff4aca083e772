-- Reads stored messages between two sequences, counted from the first or the last.
-- KEYS  meta messages log
-- ARGV  after before ("" to the last) limit "first" | "last" retention most (bytes after which the read ends)
-- Answers {first stored, last, "1" | "0" (more follow), message…}; messages in the order of counting
local meta, messages, log = unpack(KEYS)
local after, before, limit, from = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
dropOld(meta, messages, log, ARGV[5])
local state = redis.call('HMGET', meta, 'first', 'sequence')
if not state[1] then return { '1', '0', '0' } end
local first, last = tonumber(state[1]), tonumber(state[2])
local lowest = math.max(after + 1, first)
local highest = math.min((before or last + 1) - 1, last)
if from == 'first' then
  highest = math.min(highest, lowest + limit - 1)
else
  lowest = math.max(lowest, highest - limit + 1)
end
local answer, left = { digits(first), digits(last), '0' }, tonumber(ARGV[6])
local start, stop, step = lowest, highest, 1
if from == 'last' then start, stop, step = highest, lowest, -1 end
-- In steps, so that few are read without need.
for begin = start, stop, step * 16 do
  local fields = {}
  for sequence = begin, begin + step * 15, step do
    if sequence < lowest or sequence > highest then break end
    fields[#fields + 1] = digits(sequence)
  end
  for index, value in ipairs(redis.call('HMGET', messages, unpack(fields))) do
    local sequence = fields[index]
    local message = value and wholeMessage(value, sequence) or messageInBlock(messages, sequence)
    answer[#answer + 1] = message
    left = left - weightOf(message)
    if left <= 0 and begin + step * (index - 1) ~= stop then
      answer[3] = '1'
      return answer
    end
  end
end
return answer
