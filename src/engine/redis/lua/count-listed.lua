-- Counts the entries of a user's list.
-- KEYS  the list (`openList` in waiting-notes.lua)
-- Answers {all, those that are not hidden}
local list = openList(KEYS, 1)
return { redis.call('HLEN', list.entries), redis.call('ZCARD', list.order) }
