-- Reads a part of the conversations of a user, in no order.
-- KEYS  the list (`openList` in waiting-notes.lua)
-- ARGV  cursor count
-- Answers as SSCAN: {next cursor ("0": all were read), {conversationId…}}
local list = openList(KEYS, 1)
return redis.call('SSCAN', list.conversations, ARGV[1], 'COUNT', ARGV[2])
