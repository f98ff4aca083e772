-- Reads a user's sessions, or one of them.
-- KEYS  sessions
-- ARGV  id; empty: all
-- Answers them as JSON
local sessions = unpack(KEYS)
local id = unpack(ARGV)
if id == '' then return redis.call('HVALS', sessions) end
return { redis.call('HGET', sessions, id) }
