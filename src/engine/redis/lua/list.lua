-- A user's list of conversations. Used by scripts that name these functions. `list` has the keys of one user's list by
-- their names: see `openList` in waiting-notes.lua.
--
-- `entries` has a field for each conversation, named by its id:
--   kind activity sequence readSequence flags mutedUntil peer
--   kind D, G or R; flags of p(inned) a(rchived) m(arked unread) h(idden) l(arge), "-" for none; mutedUntil 0 and peer
--   "" for none
-- `order` has the same in the order of the buckets (`engine/shared/conversation-list.ts`), as one sorted set without
-- scores. A page is a range of names: bucket, then activity subtracted from thirteen nines, then the id.
-- `unread` counts messages past the read positions; `large` has the conversations whose messages do not update the list.

local function parseEntry(line)
  local kind, activity, sequence, read, flags, muted, peer = string.match(line, '^(%u) (%d+) (%d+) (%d+) (%S+) (%d+) ?(.*)$')
  return { kind = kind, activity = tonumber(activity), sequence = tonumber(sequence), read = tonumber(read),
    flags = flags, muted = muted, peer = peer }
end

local function copyOf(entry)
  local copy = {}
  for name, value in pairs(entry) do copy[name] = value end
  return copy
end

local function entryLine(entry)
  return table.concat({ entry.kind, digits(entry.activity), digits(entry.sequence), digits(entry.read), entry.flags,
    entry.muted, entry.peer }, ' ')
end

local function has(entry, flag)
  return string.find(entry.flags, flag, 1, true) ~= nil
end

local function setFlag(entry, flag, isSet)
  if has(entry, flag) == isSet then return end
  local others = string.gsub(entry.flags, '[-' .. flag .. ']', '')
  entry.flags = others .. (isSet and flag or '')
  if entry.flags == '' then entry.flags = '-' end
end

local function unreadIn(entry)
  if not entry or has(entry, 'h') then return 0 end
  return entry.sequence - entry.read
end

-- The name of an entry in `order`; nil for a hidden one.
local function placeOf(entry, id)
  if not entry or has(entry, 'h') then return nil end
  local isUnread = entry.sequence > entry.read or has(entry, 'm')
  return entry.kind .. (has(entry, 'p') and 'p' or '-') .. (has(entry, 'a') and 'a' or '-') .. (isUnread and 'u' or '-')
    .. string.format('%013.0f', 9999999999999 - entry.activity) .. id
end

-- Updates an entry from its conversation. Activity, sequence and read position move forward only.
local function advanceEntry(entry, activity, sequence, read)
  if activity > entry.activity or (activity == entry.activity and sequence > entry.sequence) then
    if sequence > entry.sequence and entry.flags ~= '-' then
      setFlag(entry, 'a', false)
      setFlag(entry, 'h', false)
    end
    entry.activity, entry.sequence = activity, sequence
  end
  if read > entry.read then
    entry.read = read
    setFlag(entry, 'm', false)
  end
  -- A log that lost its end assigns sequences again.
  if entry.read > entry.sequence then entry.read = entry.sequence end
end

-- Replaces an entry; `before` or `after` nil: none.
local function writeEntry(list, id, before, after)
  local was, is = placeOf(before, id), placeOf(after, id)
  if was ~= is then
    if was then redis.call('ZREM', list.order, was) end
    if is then redis.call('ZADD', list.order, 0, is) end
  end
  local more = unreadIn(after) - unreadIn(before)
  if more ~= 0 then redis.call('INCRBY', list.unread, digits(more)) end
  if not after then
    redis.call('HDEL', list.entries, id)
    redis.call('SREM', list.large, id)
    return
  end
  redis.call('HSET', list.entries, id, entryLine(after))
  if has(after, 'l') and not (before and has(before, 'l')) then redis.call('SADD', list.large, id) end
end

local function readEntry(list, id)
  local line = redis.call('HGET', list.entries, id)
  return line and parseEntry(line) or nil
end
