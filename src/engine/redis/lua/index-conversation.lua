-- Updates entries of users' lists from their conversations, then applies changes by the users.
-- KEYS  of each: conversations order entries unread large mark channel
-- ARGV  of each: conversationId kind activity sequence readSequence "1" | "0" (large) peer,
--       then of a change: flag "1" | "0", or "until" milliseconds; "" "" of none
-- Answers the entry for each; nothing when the user is not a member
local KEYS_OF_EACH = 7

local function index(keys, id, kind, activity, sequence, read, isLarge, peer, what, value)
  local conversations, order, entries, unread, large, mark, channel = unpack(keys)
  local was = redis.call('HGET', entries, id)
  if not was and redis.call('SISMEMBER', conversations, id) == 0 then return false end
  local before = was and parseEntry(was)
  local entry = before and copyOf(before)
    or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
  advanceEntry(entry, tonumber(activity), tonumber(sequence), tonumber(read))
  if isLarge == '1' then setFlag(entry, 'l', true) end
  if what == 'until' then entry.muted = value
  elseif what ~= '' then setFlag(entry, what, value == '1') end
  local line = entryLine(entry)
  if was ~= line then writeEntry(order, entries, unread, large, id, before, entry) end
  if what == 'h' then
    announceMarked(mark, channel, '{"type":"membership","conversationId":' .. cjson.encode(id)
      .. ',"isMember":true,"hiddenAt":' .. digits(entry.sequence) .. '}')
  end
  return line
end

local answer = {}
for at = 1, #KEYS / KEYS_OF_EACH do
  local keys = { unpack(KEYS, (at - 1) * KEYS_OF_EACH + 1, at * KEYS_OF_EACH) }
  answer[at] = index(keys, unpack(ARGV, 9 * at - 8, 9 * at))
end
return answer
