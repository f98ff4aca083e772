-- Drops the entry of a user who is not a member.
-- KEYS  the list (`openList` in waiting-notes.lua)
-- ARGV  conversationId
local list = openList(KEYS, 1)
local before = readEntry(list, ARGV[1])
if before and redis.call('SISMEMBER', list.conversations, ARGV[1]) == 0 then
  writeEntry(list, ARGV[1], before, nil)
end
return 'dropped'
