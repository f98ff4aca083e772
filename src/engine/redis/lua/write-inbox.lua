-- Moves a session's positions forward.
-- KEYS  inboxes
-- ARGV  offset session positions-as-JSON most milliseconds-to-live
local inboxes = unpack(KEYS)
local offset, session, positions, most, life = unpack(ARGV)
local known = redis.call('HGET', inboxes, session)
local inbox = known and cjson.decode(known) or { positions = {} }
for conversation, position in pairs(cjson.decode(positions)) do
  local before = inbox.positions[conversation]
  if not before or before[1] ~= position[1] or before[2] < position[2] then inbox.positions[conversation] = position end
end
inbox.at = now(offset)
redis.call('HSET', inboxes, session, cjson.encode(inbox))
redis.call('PEXPIRE', inboxes, life)
if redis.call('HLEN', inboxes) <= tonumber(most) then return end
local oldest, at
local all = redis.call('HGETALL', inboxes)
for index = 1, #all, 2 do
  local written = cjson.decode(all[index + 1]).at
  if not at or written < at then oldest, at = all[index], written end
end
redis.call('HDEL', inboxes, oldest)
