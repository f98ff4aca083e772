-- Updates entries of users' lists from their conversations, then applies changes by the users.
-- KEYS  of each: the list (`openList` in waiting-notes.lua) mark channel
-- ARGV  of each: conversationId kind activity sequence readSequence "1" | "0" (large) peer,
--       then of a change: flag "1" | "0", or "until" milliseconds; "" "" of none
-- Answers the entry for each; nothing when the user is not a member
local KEYS_OF_EACH = LIST_KEYS + 2

local function index(at, id, kind, activity, sequence, read, isLarge, peer, what, value)
  local list = openList(KEYS, at)
  local was = redis.call('HGET', list.entries, id)
  if not was and redis.call('SISMEMBER', list.conversations, id) == 0 then return false end
  local before = was and parseEntry(was)
  local entry = before and copyOf(before)
    or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
  advanceEntry(entry, tonumber(activity), tonumber(sequence), tonumber(read))
  if isLarge == '1' then setFlag(entry, 'l', true) end
  if what == 'until' then entry.muted = value
  elseif what ~= '' then setFlag(entry, what, value == '1') end
  local line = entryLine(entry)
  if was ~= line then writeEntry(list, id, before, entry) end
  if what == 'h' then
    announceMarked(KEYS[at + LIST_KEYS], KEYS[at + LIST_KEYS + 1], '{"type":"membership","conversationId":' .. cjson.encode(id)
      .. ',"isMember":true,"hiddenAt":' .. digits(entry.sequence) .. '}')
  end
  return line
end

local answer = {}
for at = 1, #KEYS / KEYS_OF_EACH do
  answer[at] = index((at - 1) * KEYS_OF_EACH + 1, unpack(ARGV, 9 * at - 8, 9 * at))
end
return answer
