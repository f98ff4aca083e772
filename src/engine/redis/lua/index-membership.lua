-- Applies changes of membership to their users' lists and logs and announces them, unless a list has the change or a
-- later one.
-- KEYS  of each: conversations joined left order entries unread large logState log mark channel
-- ARGV  most (versions kept of those left) most (entries of the log), then of each: conversationId note (`noteMemberships` in members.lua) nonce
-- Answers 1 for each, or 0 when it changed nothing
local KEYS_OF_EACH = 11
local mostLeft, mostEntries = tonumber(ARGV[1]), ARGV[2]

-- Older versions noted only the membership; then the entry is created when the list is read.
local function enter(order, entries, unread, large, id, before, more)
  local kind, activity, sequence, read, flags, peer = string.match(more, '^:(%u):(%d+):(%d+):(%d+):(.):(.*)$')
  if not kind then return end
  local entry = before and copyOf(before)
    or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
  if flags == 'a' or flags == 'L' then entry.activity, entry.sequence, entry.read = tonumber(activity), tonumber(sequence), tonumber(read)
  else advanceEntry(entry, tonumber(activity), tonumber(sequence), tonumber(read)) end
  if flags == 'l' or flags == 'L' then setFlag(entry, 'l', true) end
  writeEntry(order, entries, unread, large, id, before, entry)
end

local function index(keys, id, note, nonce)
  local conversations, joined, left, order, entries, unread, large, logState, log, mark, channel = unpack(keys)
  local version, isMember, more = string.match(note, '^(%d+):(%d)(.*)$')
  local opened = openUserLog(logState, log, conversations, nonce, true)
  local added = isMember == '1' and redis.call('SADD', conversations, id) or 0
  -- A list that lacked the conversation has no version and no entry of it.
  local was = added == 0 and redis.call('HGET', joined, id)
  local gone = not was and redis.call('ZSCORE', left, id)
  local known = was or gone
  if known and tonumber(known) >= tonumber(version) then
    if added == 1 then redis.call('SREM', conversations, id) end
    return 0
  end
  local before = added == 0 and readEntry(entries, id) or nil
  opened.isStored = false
  if isMember == '1' then
    opened.size = opened.size + added
    redis.call('HSET', joined, id, version)
    if gone then redis.call('ZREM', left, id) end
    -- When a conversation becomes large, its members are noted again; only a new membership is logged.
    if not was then noteInUserLog(opened, log, mostEntries, id, 'JOINED') end
    enter(order, entries, unread, large, id, before, more)
  else
    opened.size = opened.size - redis.call('SREM', conversations, id)
    redis.call('HDEL', joined, id)
    redis.call('ZADD', left, version, id)
    -- Older versions noted no reason.
    local reasons = { L = 'LEFT', D = 'DELETED' }
    if was then noteInUserLog(opened, log, mostEntries, id, reasons[string.sub(more, 2)] or 'REMOVED') end
    redis.call('ZREMRANGEBYRANK', left, 0, -(mostLeft + 1))
    if before then writeEntry(order, entries, unread, large, id, before, nil) end
  end
  keepUserLog(opened, logState)
  announceMarked(mark, channel, '{"type":"membership","conversationId":' .. cjson.encode(id) .. ',"isMember":'
    .. (isMember == '1' and 'true' or 'false') .. '}')
  return 1
end

local answer = {}
for at = 1, #KEYS / KEYS_OF_EACH do
  local arguments = 3 * at
  answer[at] = index({ unpack(KEYS, (at - 1) * KEYS_OF_EACH + 1, at * KEYS_OF_EACH) }, unpack(ARGV, arguments, arguments + 2))
end
return answer
