-- Adds a room to its tenant's list of rooms, moves it, or removes it; an older version changes nothing.
-- KEYS  order rooms
-- ARGV  conversationId version name-in-order ("" for none) `order` is a sorted set without scores; `rooms` has version
-- and name-in-order of each room
local order, rooms = unpack(KEYS)
local id, version, name = unpack(ARGV)
local known = redis.call('HGET', rooms, id)
local knownVersion, before = string.match(known or '', '^(%d+) (.*)$')
if knownVersion and tonumber(knownVersion) > tonumber(version) then return 'older' end
if before == name then return 'there' end
if before then redis.call('ZREM', order, before) end
if name == '' then
  redis.call('HDEL', rooms, id)
else
  redis.call('ZADD', order, 0, name)
  redis.call('HSET', rooms, id, version .. ' ' .. name)
end
return 'moved'
