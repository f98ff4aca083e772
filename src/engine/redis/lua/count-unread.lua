-- Counts a user's unread messages, unless the list must first be brought up to date.
-- KEYS  unread entries waiting large, then the noted conversations of the tenant if they are on the same server
-- ARGV  milliseconds: a note from before is the work of a dead node, which a reading of the list finishes
-- Answers the number, or nothing
local unread, entries, waiting, large, unlisted = unpack(KEYS)
local behind = redis.call('EXISTS', unpack(KEYS, 3))
if behind > 0 and unlisted then
  local ids, notes = {}, redis.call('ZRANGE', unlisted, 0, 1000, 'WITHSCORES')
  if notes[2] and tonumber(notes[2]) < tonumber(ARGV[1]) then return false end
  for index = 1, #notes, 2 do ids[#ids + 1] = string.match(notes[index], '^%S+') end
  if #ids > 1000 then return false end
  -- None of them may be in the list.
  for _, line in ipairs(ids[1] and redis.call('HMGET', entries, unpack(ids)) or {}) do
    if line then return false end
  end
  if ids[1] then behind = behind - 1 end
end
if behind > 0 then return false end
return redis.call('GET', unread) or '0'
