-- Adds events of a subject to their partition, except those already there. They come in order, from the first that the
-- subject still has, so the script is idempotent and several nodes may run it at once.
-- `handled` has the number of the last handled entry of each subject; a node that does not know what an entry means looks
-- there whether another node did.
-- KEYS  stream handled
-- ARGV  offset subject milliseconds-to-keep milliseconds-a-subject-is-known number-of-the-last-entry (events or not), then
--       number type subject data of each event
-- Answers the number of added events
local stream, handled = unpack(KEYS)
local offset, subject, keepMs, knownMs, upTo = unpack(ARGV)
local last = tonumber(redis.call('ZSCORE', handled, subject) or '0')
local time = now(offset)
local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
if newest then time = math.max(time, tonumber(string.match(newest[1], '^%d+'))) end
local id, added = digits(time) .. '-*', 0
for index = 6, #ARGV, 4 do
  local number = tonumber(ARGV[index])
  if number > last then
    redis.call('XADD', stream, id, 'n', ARGV[index], 't', ARGV[index + 1], 's', ARGV[index + 2], 'd', ARGV[index + 3])
    last = number
    added = added + 1
  end
end
if added > 0 or tonumber(upTo) > last then
  redis.call('ZADD', handled, digits(math.max(last, tonumber(upTo))), subject)
  redis.call('ZREMRANGEBYSCORE', handled, '-inf', digits(micros(0) - knownMs * 1000))
  redis.call('PEXPIRE', handled, knownMs)
end
if added > 0 then
  redis.call('XTRIM', stream, 'MINID', digits(now(offset) - keepMs))
  redis.call('PEXPIRE', stream, keepMs)
end
return added
