-- The log of a user's list (`engine/shared/user-log.ts`). Used by scripts that name these functions. `list.logState` has
-- its place, epoch, fence, history, lineage and floor as a conversation's meta has them; `list.log` is a stream whose ids
-- are places.

-- Begins a new epoch when the server's history has changed.
local function advanceUserLog(opened)
  opened.place, opened.isStored = opened.place + 1, false
  local before = opened.history
  if before == serverHistory() then return end
  opened.history = serverHistory()
  if isOfThisRun(before, opened.fence) then return end
  opened.epoch, opened.fence, opened.lineage = opened.nonce, runId(), withEpoch(opened.lineage, opened.nonce, opened.place)
end

-- Opens the log before its list is read or changed. Older versions change the list without an entry; a different size
-- reveals that, and then the log is dropped, so that nobody resumes from before. `isChange`: the size is not compared,
-- since a change keeps the difference for the next read.
local function openUserLog(list, nonce, isChange)
  local f = redis.call('HMGET', list.logState, 'place', 'epoch', 'fence', 'lineage', 'floor', 'size', 'history')
  local size = isChange and f[6] and tonumber(f[6]) or redis.call('SCARD', list.conversations)
  local opened = { place = tonumber(f[1] or '0'), epoch = f[2], fence = f[3], history = f[7] ~= '' and f[7], lineage = f[4],
    floor = tonumber(f[5] or '0'), size = size, nonce = nonce }
  if not f[1] then
    opened.epoch, opened.fence, opened.history, opened.lineage = nonce, runId(), serverHistory(), cjson.encode({ { nonce, 1 } })
  elseif f[6] and tonumber(f[6]) ~= size then
    advanceUserLog(opened)
    opened.floor = opened.place
    redis.call('XTRIM', list.log, 'MINID', digits(opened.floor + 1) .. '-0')
  end
  opened.isStored = f[1] and f[6] and tonumber(f[6]) == size
  return opened
end

local function noteInUserLog(list, opened, id, event)
  advanceUserLog(opened)
  redis.call('XADD', list.log, digits(opened.place) .. '-0', 'c', id, 'v', event, 'e', opened.epoch)
  local floor = opened.place - USER_LOG
  if floor <= opened.floor then return end
  redis.call('XTRIM', list.log, 'MINID', digits(floor + 1) .. '-0')
  opened.floor = floor
end

-- Stores the state of the log and the size of the list, if they changed.
local function keepUserLog(list, opened)
  if opened.isStored then return end
  redis.call('HSET', list.logState, 'place', digits(opened.place), 'epoch', opened.epoch, 'fence', opened.fence,
    'history', opened.history or '', 'lineage', opened.lineage, 'floor', digits(opened.floor), 'size', digits(opened.size))
end
