-- Reads entries of a user's log past a place.
-- KEYS  the list (`openList` in waiting-notes.lua)
-- ARGV  place limit (0: none) nonce
-- Answers {lineage, head, epoch, floor, {place, epoch, conversationId, event}…}
local list = openList(KEYS, 1)
local place, limit, nonce = unpack(ARGV)
local opened = openUserLog(list, nonce)
keepUserLog(list, opened)
local answer = { opened.lineage, digits(opened.place), opened.epoch, digits(opened.floor) }
if limit == '0' then return answer end
for _, entry in ipairs(redis.call('XRANGE', list.log, '(' .. place .. '-0', '+', 'COUNT', limit)) do
  local fields = entry[2]
  answer[#answer + 1] = { string.match(entry[1], '^%d+'), fields[6], fields[2], fields[4] }
end
return answer
