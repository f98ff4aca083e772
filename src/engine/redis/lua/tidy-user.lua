-- Forgets the presence of a user who has gone for so long, and then a list that has been empty for so long, with its log.
-- Whom the user blocks, and that they hide, is theirs to change and stays.
-- KEYS  presence conversations joined left order entries unread large log logState places
-- ARGV  offset milliseconds
-- Answers how many of the two it forgot
local presence, conversations, joined, left, order, entries, unread, large, log, logState, places = unpack(KEYS)
local offset, keepMs = ARGV[1], tonumber(ARGV[2])
local time = now(offset)

local function isGone()
  for _, field in ipairs(redis.call('HKEYS', presence)) do
    local kind = string.sub(field, 1, 2)
    if kind == 'c:' or kind == 'b:' then return false end
  end
  local state = redis.call('HMGET', presence, 'status', 'seen')
  if state[1] == 'OFFLINE' then return false end
  -- One who was never there has chosen a status, or has nothing.
  if not state[2] then return not state[1] end
  return time - tonumber(state[2]) >= keepMs
end

-- Whether the list was empty, and as it is now, that long ago.
local function isListGone()
  if redis.call('SCARD', conversations) > 0 then return false end
  local stamp = redis.call('ZRANGE', places, 0, 0, 'REV', 'WITHSCORES')[2]
  -- Someone who is about to join has a place already.
  if stamp and time - tonumber(stamp) / 1000 < keepMs then return false end
  local state = redis.call('HMGET', logState, 'place', 'empty')
  local seen, since = string.match(state[2] or '', '^(%d+) (%d+)$')
  if seen == state[1] then return time - tonumber(since) >= keepMs end
  redis.call('HSET', logState, 'empty', state[1] .. ' ' .. digits(time))
  return false
end

local forgotten = 0
if redis.call('EXISTS', presence) == 1 then
  if not isGone() then return 0 end
  redis.call('UNLINK', presence)
  forgotten = 1
end
if redis.call('HEXISTS', logState, 'place') == 1 and isListGone() then
  redis.call('UNLINK', conversations, joined, left, order, entries, unread, large, log, logState, places)
  forgotten = forgotten + 1
end
return forgotten
