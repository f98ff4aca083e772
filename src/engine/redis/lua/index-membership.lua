-- Puts a change of membership into its user's list and log and tells the user, unless the list has it or a later one.
-- KEYS  conversations joined left order entries unread large logState log mark channel
-- ARGV  conversationId most (versions kept of those left) note (`noteMemberships` in prelude.lua) most (entries of the log) nonce
local conversations, joined, left, order, entries, unread, large, logState, log, mark, channel = unpack(KEYS)
local id, most, note, entriesKept, nonce = unpack(ARGV)
local version, isMember, more = string.match(note, '^(%d+):(%d)(.*)$')
local was = redis.call('HGET', joined, id)
local known = was or redis.call('ZSCORE', left, id)
if known and tonumber(known) >= tonumber(version) then return 0 end
local before = readEntry(entries, id)
checkUserLog(logState, log, conversations, nonce)
if isMember == '1' then
  redis.call('SADD', conversations, id)
  redis.call('HSET', joined, id, version)
  redis.call('ZREM', left, id)
  -- That a conversation has grown large is noted for its members as well.
  if not was then noteInUserLog(logState, log, nonce, entriesKept, id, 'JOINED') end
  local kind, activity, sequence, read, flags, peer = string.match(more, '^:(%u):(%d+):(%d+):(%d+):(.):(.*)$')
  -- Older versions noted no more than the membership: such an entry is made when the list is read.
  if kind then
    local after = before and readEntry(entries, id)
      or { kind = kind, activity = 0, sequence = 0, read = 0, flags = '-', muted = '0', peer = peer }
    if flags == 'a' or flags == 'L' then after.activity, after.sequence, after.read = tonumber(activity), tonumber(sequence), tonumber(read)
    else advanceEntry(after, tonumber(activity), tonumber(sequence), tonumber(read)) end
    if flags == 'l' or flags == 'L' then setFlag(after, 'l', true) end
    writeEntry(order, entries, unread, large, id, before, after)
  end
else
  redis.call('SREM', conversations, id)
  redis.call('HDEL', joined, id)
  redis.call('ZADD', left, version, id)
  -- Older versions noted no reason.
  local reasons = { L = 'LEFT', D = 'DELETED' }
  if was then noteInUserLog(logState, log, nonce, entriesKept, id, reasons[string.sub(more, 2)] or 'REMOVED') end
  redis.call('ZREMRANGEBYRANK', left, 0, -(tonumber(most) + 1))
  if before then writeEntry(order, entries, unread, large, id, before, nil) end
end
noteUserLogSize(logState, conversations)
announceMarked(mark, channel, '{"type":"membership","conversationId":' .. cjson.encode(id) .. ',"isMember":'
  .. (isMember == '1' and 'true' or 'false') .. '}')
return 1
