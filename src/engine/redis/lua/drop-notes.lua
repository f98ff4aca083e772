-- Drops notes that were applied to the lists; a note that was replaced meanwhile stays.
-- KEYS  notes
-- ARGV  user note of each
-- Answers the notes that are still unapplied
local notes = KEYS[1]
local dropped = {}
-- A thousand values at a time: see `callInParts` in prelude.lua.
for from = 1, #ARGV, 1000 do
  local users = {}
  for index = from, math.min(from + 999, #ARGV), 2 do users[#users + 1] = ARGV[index] end
  for index, note in ipairs(redis.call('HMGET', notes, unpack(users))) do
    if note == ARGV[from + 2 * index - 1] then dropped[#dropped + 1] = users[index] end
  end
end
callInParts('HDEL', notes, dropped)
return unapplied(notes)
