-- Stores a session unless another write came first.
-- KEYS  sessions mark channel, then the outbox of events if events are stored
-- ARGV  id version session-as-JSON announcement-as-JSON milliseconds-to-live id-to-forget …
-- Answers 1, or 0 when another write came first
local sessions, mark, channel = unpack(KEYS)
local id, version, json, announcement, life = unpack(ARGV)
local known = redis.call('HGET', sessions, id)
local before = known and cjson.decode(known).version or 0
if before ~= tonumber(version) - 1 then return 0 end
for index = 6, #ARGV do redis.call('HDEL', sessions, ARGV[index]) end
-- The key lives as long as the user's longest-lived session.
local left = redis.call('PTTL', sessions)
redis.call('HSET', sessions, id, json)
if left < tonumber(life) then redis.call('PEXPIRE', sessions, life) end
announceMarked(mark, channel, announcement)
return 1
