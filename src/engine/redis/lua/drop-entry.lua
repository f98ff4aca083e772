-- Drops the entry of a user who is not a member.
-- KEYS  conversations order entries unread large
-- ARGV  conversationId
local conversations, order, entries, unread, large = unpack(KEYS)
local before = readEntry(entries, ARGV[1])
if before and redis.call('SISMEMBER', conversations, ARGV[1]) == 0 then
  writeEntry(order, entries, unread, large, ARGV[1], before, nil)
end
return 'dropped'
