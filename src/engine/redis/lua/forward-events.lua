-- Adds events of a source to their partition, except those already there. They come in order, from the first that the
-- source still has, so the script is idempotent and several nodes may run it at once.
-- KEYS  stream places
-- ARGV  offset source milliseconds-to-keep milliseconds-a-source-is-known, then number type subject data of each
-- Answers the number of added events
local stream, places = unpack(KEYS)
local offset, source, keepMs, knownMs = unpack(ARGV)
local last = tonumber(redis.call('ZSCORE', places, source) or '0')
local time = now(offset)
local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
if newest then time = math.max(time, tonumber(string.match(newest[1], '^%d+'))) end
local id, added = digits(time) .. '-*', 0
for index = 5, #ARGV, 4 do
  local number = tonumber(ARGV[index])
  if number > last then
    redis.call('XADD', stream, id, 'n', ARGV[index], 't', ARGV[index + 1], 's', ARGV[index + 2], 'd', ARGV[index + 3])
    last = number
    added = added + 1
  end
end
if added > 0 then
  redis.call('ZADD', places, digits(last), source)
  redis.call('ZREMRANGEBYSCORE', places, '-inf', digits(micros(0) - knownMs * 1000))
  redis.call('PEXPIRE', places, knownMs)
  redis.call('XTRIM', stream, 'MINID', digits(now(offset) - keepMs))
  redis.call('PEXPIRE', stream, keepMs)
end
return added
