-- Reads a member of each conversation.
-- KEYS  of each: members
-- ARGV  of each: userId
-- Answers of each its value, or nothing for one who is no member
local answer = {}
for at, members in ipairs(KEYS) do answer[at] = redis.call('HGET', members, ARGV[at]) end
return answer
