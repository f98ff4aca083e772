-- Drops expired messages, and answers whether a conversation has had no member and no change for the given time.
-- KEYS  meta members messages log
-- ARGV  offset retention milliseconds ("" for ever)
-- Answers the conversation when it is abandoned, else nothing
local meta, members, messages, log = unpack(KEYS)
local offset, retention, keepMs = unpack(ARGV)
dropOld(meta, messages, log, retention)
if keepMs == '' or redis.call('EXISTS', meta) == 0 or redis.call('HLEN', members) > 0 then return false end
-- Stores when it was first seen without members, with version and place, which reveal a later change.
local state = redis.call('HMGET', meta, 'version', 'place', 'empty')
local how = state[1] .. '/' .. state[2]
local seen, since = string.match(state[3] or '', '^(%S+) (%d+)$')
local time = now(offset)
if seen ~= how then
  redis.call('HSET', meta, 'empty', how .. ' ' .. digits(time))
  return false
end
if time - tonumber(since) < tonumber(keepMs) then return false end
return conversationJson(meta)
