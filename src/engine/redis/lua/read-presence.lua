-- Reads a user's presence as it is stored.
-- KEYS  presence
-- ARGV  userId
return presenceJson(KEYS[1], ARGV[1])
