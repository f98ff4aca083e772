-- Moves a session's positions forward.
-- KEYS  bookmarks
-- ARGV  offset session positions-as-JSON most milliseconds-to-live
local bookmarks = unpack(KEYS)
local offset, session, positions, most, life = unpack(ARGV)
local known = redis.call('HGET', bookmarks, session)
local bookmark = known and cjson.decode(known) or { positions = {} }
for conversation, position in pairs(cjson.decode(positions)) do
  local before = bookmark.positions[conversation]
  if not before or before[1] ~= position[1] or before[2] < position[2] then bookmark.positions[conversation] = position end
end
bookmark.at = now(offset)
redis.call('HSET', bookmarks, session, cjson.encode(bookmark))
redis.call('PEXPIRE', bookmarks, life)
if redis.call('HLEN', bookmarks) <= tonumber(most) then return end
local oldest, at
local all = redis.call('HGETALL', bookmarks)
for index = 1, #all, 2 do
  local written = cjson.decode(all[index + 1]).at
  if not at or written < at then oldest, at = all[index], written end
end
redis.call('HDEL', bookmarks, oldest)
