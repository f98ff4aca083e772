-- Reads what a conversation says to the lists of its members.
-- KEYS  meta members outbox
-- ARGV  userIds (none: all members, unless the conversation is large)
-- Answers facts (`factsForLists` in members.lua)
return factsForLists(KEYS[1], KEYS[2], KEYS[3], ARGV)
