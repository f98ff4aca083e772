-- Reads the data of conversations for their members' lists.
-- KEYS  of each: meta members notes
-- ARGV  of each: count userId… (0: all members, unless the conversation is large)
-- Answers the facts of each (`factsForLists` in members.lua)
local answer = {}
local at = 1
for index = 1, #KEYS / 3 do
  local users = { unpack(ARGV, at + 1, at + tonumber(ARGV[at])) }
  at = at + 1 + #users
  answer[index] = factsForLists(KEYS[3 * index - 2], KEYS[3 * index - 1], KEYS[3 * index], users)
end
return answer
