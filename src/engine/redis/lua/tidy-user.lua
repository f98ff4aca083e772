-- Drops the presence of a user who has been gone for the given time, and then a list that has been empty for that time,
-- with its log. The user's blocks and choice to hide stay, since only the user may change these.
-- KEYS  presence reservations, then the list (`openList` in waiting-notes.lua)
-- ARGV  offset milliseconds
-- Answers the connections recorded of the user, each with the node that holds it: id node id node …
local presence, reservations = unpack(KEYS)
local offset, keepMs = ARGV[1], tonumber(ARGV[2])
local time = now(offset)

local fields = redis.call('HGETALL', presence)
local connections, blocks = {}, false
for at = 1, #fields, 2 do
  local kind = string.sub(fields[at], 1, 2)
  if kind == 'b:' then blocks = true end
  if kind == 'c:' then
    connections[#connections + 1] = string.sub(fields[at], 3)
    connections[#connections + 1] = string.match(fields[at + 1], '^{"node":"([^"]*)"') or ''
  end
end

local function isGone()
  if connections[1] or blocks then return false end
  local state = redis.call('HMGET', presence, 'status', 'seen')
  if state[1] == 'OFFLINE' then return false end
  -- A user who was never present either has chosen a status or has nothing stored.
  if not state[2] then return not state[1] end
  return time - tonumber(state[2]) >= keepMs
end

-- Whether the list has been empty and unchanged for the given time.
local function isListGone(list)
  if redis.call('SCARD', list.conversations) > 0 then return false end
  local stamp = redis.call('ZRANGE', reservations, 0, 0, 'REV', 'WITHSCORES')[2]
  -- A user who is about to join already has a reservation.
  if stamp and time - tonumber(stamp) / 1000 < keepMs then return false end
  local state = redis.call('HMGET', list.logState, 'place', 'empty')
  local seen, since = string.match(state[2] or '', '^(%d+) (%d+)$')
  if seen == state[1] then return time - tonumber(since) >= keepMs end
  redis.call('HSET', list.logState, 'empty', state[1] .. ' ' .. digits(time))
  return false
end

if fields[1] then
  if not isGone() then return connections end
  redis.call('UNLINK', presence)
end
local list = openList(KEYS, 3)
if redis.call('HEXISTS', list.logState, 'place') == 1 and isListGone(list) then
  redis.call('UNLINK', reservations, unpack(KEYS, 3))
end
return connections
