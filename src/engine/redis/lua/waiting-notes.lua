-- Changes of membership of a user's list: how one is applied, and those that wait. Used by scripts that name these functions.
--
-- While no node follows a user, new memberships wait in `waiting`, one command each instead of ten, and the list applies
-- them when it is opened next. Every script that reads or changes a list opens it, so nobody sees it without them. Each:
--   nonce conversationId note (`noteMemberships` in members.lua)
-- Departures never wait. So a waiting note cannot put an entry back that was there before: `advance-lists` need not open
-- the lists that have the entry.

-- Older versions noted only the membership; then the entry is created when the list is read.
local function enter(list, id, before, more)
  local kind, activity, sequence, read, flags, peer = string.match(more, '^:(%u):(%d+):(%d+):(%d+):(.):(.*)$')
  if not kind then return end
  local entry = before and copyOf(before)
    or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
  if flags == 'a' or flags == 'L' then entry.activity, entry.sequence, entry.read = tonumber(activity), tonumber(sequence), tonumber(read)
  else advanceEntry(entry, tonumber(activity), tonumber(sequence), tonumber(read)) end
  if flags == 'l' or flags == 'L' then setFlag(entry, 'l', true) end
  writeEntry(list, id, before, entry)
end

-- Applies a change to the list and its opened log, unless the list has it or a later one. Answers whether it did.
local function applyMembership(list, opened, id, note)
  local version, isMember, more = string.match(note, '^(%d+):(%d)(.*)$')
  local added = isMember == '1' and redis.call('SADD', list.conversations, id) or 0
  -- A list that lacked the conversation has no version and no entry of it.
  local was = added == 0 and redis.call('HGET', list.joined, id)
  local gone = not was and redis.call('ZSCORE', list.left, id)
  local known = was or gone
  if known and tonumber(known) >= tonumber(version) then
    if added == 1 then redis.call('SREM', list.conversations, id) end
    return false
  end
  local before = added == 0 and readEntry(list, id) or nil
  opened.isStored = false
  if isMember == '1' then
    opened.size = opened.size + added
    redis.call('HSET', list.joined, id, version)
    if gone then redis.call('ZREM', list.left, id) end
    -- When a conversation becomes large, its members are noted again; only a new membership is logged.
    if not was then noteInUserLog(list, opened, id, 'JOINED') end
    enter(list, id, before, more)
  else
    opened.size = opened.size - redis.call('SREM', list.conversations, id)
    redis.call('HDEL', list.joined, id)
    redis.call('ZADD', list.left, version, id)
    -- Older versions noted no reason.
    local reasons = { L = 'LEFT', D = 'DELETED' }
    if was then noteInUserLog(list, opened, id, reasons[string.sub(more, 2)] or 'REMOVED') end
    redis.call('ZREMRANGEBYRANK', list.left, 0, -(LEFT_KEPT + 1))
    if before then writeEntry(list, id, before, nil) end
  end
  return true
end

-- Whether a change may wait: a new membership, or a conversation that became large, but nothing noted after a failover.
local function mayWait(note)
  return string.find(note, '^%d+:1:%u:%d+:%d+:%d+:[-l]:') ~= nil
end

-- Lists that this run has opened.
local OPENED = {}

-- Lets a change wait; answers how many do.
local function letWait(waiting, id, note, nonce)
  OPENED[waiting] = nil
  return redis.call('RPUSH', waiting, nonce .. ' ' .. id .. ' ' .. note)
end

-- Applies the changes that wait, up to this one; -1: all.
local function applyWaiting(list, last)
  local notes = redis.call('LRANGE', list.waiting, 0, last)
  if not notes[1] then return end
  -- A full Redis refuses a script whose first write takes memory, and this one also serves reads.
  redis.call('PERSIST', list.waiting)
  -- A failover may undo the last application, and then the same notes begin another epoch.
  local nonce = string.match(notes[1], '^%S+')
  local opened = openUserLog(list, string.sub(redis.sha1hex(nonce .. serverHistory()), 1, #nonce), true)
  for _, each in ipairs(notes) do
    local id, note = string.match(each, '^%S+ (%S+) (.*)$')
    applyMembership(list, opened, id, note)
  end
  keepUserLog(list, opened)
  -- Last, so that notes stay when Redis refuses a write before it.
  redis.call('LTRIM', list.waiting, #notes, -1)
end

-- The keys of a list, which begin at `at` in `keys`, in the order of `UserKeys.list`.
local function listAt(keys, at)
  local list = {}
  list.waiting, list.conversations, list.joined, list.left, list.order, list.entries, list.unread, list.large,
    list.logState, list.log = unpack(keys, at, at + LIST_KEYS - 1)
  return list
end

-- Applies the two oldest changes that wait: no run applies many in each of many lists.
local function applyOldest(keys, at) applyWaiting(listAt(keys, at), 1) end

-- Opens a list. The only way to its keys.
local function openList(keys, at)
  local list = listAt(keys, at)
  if not OPENED[list.waiting] then
    OPENED[list.waiting] = true
    applyWaiting(list, -1)
  end
  return list
end
