-- Takes into a user's list what a conversation says of itself, and then what the user changes of it.
-- KEYS  conversations order entries unread large
-- ARGV  conversationId kind activity sequence readSequence "1" | "0" (large) peer,
--       then of a change: flag "1" | "0", or "until" milliseconds
-- Answers the entry; nothing when the user is not a member
local conversations, order, entries, unread, large = unpack(KEYS)
local id, kind, activity, sequence, read, isLarge, peer, what, value = unpack(ARGV)
local before = readEntry(entries, id)
if not before and redis.call('SISMEMBER', conversations, id) == 0 then return false end
local after = readEntry(entries, id)
  or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
advanceEntry(after, tonumber(activity), tonumber(sequence), tonumber(read))
if isLarge == '1' then setFlag(after, 'l', true) end
if what == 'until' then after.muted = value
elseif what then setFlag(after, what, value == '1') end
local line = entryLine(after)
if not before or entryLine(before) ~= line then writeEntry(order, entries, unread, large, id, before, after) end
return line
