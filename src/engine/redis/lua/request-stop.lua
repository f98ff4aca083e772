-- Asks the writer of a message, or of its replies, to stop. For a finished message the request is remembered for
-- replies to come.
-- KEYS  messages channel streams texts stops
-- ARGV  offset sequence messageId stopMs perPart
-- Answers how many are asked to stop now, and those that were not before; or nothing when there is no such message
local messages, channel, streams, texts, stops = unpack(KEYS)
local offset, sequence, id, stopMs, perPart = unpack(ARGV)
if not isMessage(messageAt(messages, sequence), id) then return false end
local time, asked, left, announced = now(offset), 0, READING_BYTES, {}
local isWritten = redis.call('HEXISTS', streams, sequence) == 1
for _, each in ipairs(redis.call('HKEYS', streams)) do
  local stream = streamAt(streams, each)
  local isMeant = each == sequence or stream.target == sequence
  local value = isMeant and redis.call('HGET', messages, each)
  if value then
    asked = asked + 1
    if not stream.isStopped then
      stream.isStopped = true
      keepStream(streams, each, stream)
      -- Further writers, beyond what may be announced at once, get the request with their next append.
      if left > 0 then
        local lines = shown(splitMessage(value), streams, texts, each, tonumber(perPart))
        left = left - #lines[2]
        announceStop(channel, lines)
        announced[#announced + 1] = table.concat(lines, '\n')
      end
    end
  end
end
redis.call('ZREMRANGEBYSCORE', stops, '-inf', digits(time))
if not isWritten then
  redis.call('ZADD', stops, digits(time + stopMs), sequence)
  redis.call('PEXPIRE', stops, stopMs)
end
return { asked, announced }
