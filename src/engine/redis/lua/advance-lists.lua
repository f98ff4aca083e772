-- Updates the entries of conversations in the lists of their members.
-- KEYS  of each list: order entries unread; it is not opened, since a list with the entry has nothing newer waiting (waiting-notes.lua)
-- ARGV  of each conversation: conversationId activity sequence count, then the readSequence of each list
-- Answers, for each conversation, which of its lists have no entry of it
local KEYS_OF_EACH = 3

local function advanced(at, id, activity, sequence, read)
  local list = { order = KEYS[at], entries = KEYS[at + 1], unread = KEYS[at + 2] }
  local line = redis.call('HGET', list.entries, id)
  if not line then return false end
  local before = parseEntry(line)
  local entry = copyOf(before)
  advanceEntry(entry, activity, sequence, read)
  -- An entry becomes large with its user's membership.
  if entryLine(entry) ~= line then writeEntry(list, id, before, entry) end
  return true
end

local answer = {}
local list, at = 1, 1
while at <= #ARGV do
  local id, activity, sequence, count = unpack(ARGV, at, at + 3)
  local missing = {}
  for nth = 1, tonumber(count) do
    if not advanced(list, id, tonumber(activity), tonumber(sequence), tonumber(ARGV[at + 3 + nth])) then
      missing[#missing + 1] = nth
    end
    list = list + KEYS_OF_EACH
  end
  answer[#answer + 1] = missing
  at = at + 4 + tonumber(count)
end
return answer
