-- Reads the data of a conversation for its members' lists.
-- KEYS  meta members outbox
-- ARGV  userIds (none: all members, unless the conversation is large)
-- Answers facts (`factsForLists` in members.lua)
return factsForLists(KEYS[1], KEYS[2], KEYS[3], ARGV)
