-- The log of a user's list (`../../user-log.ts`), for the scripts that write or read it; put before each of them when it is
-- loaded. `state` has its place, epoch, fence, lineage and floor as a conversation's meta has them; `log` is a stream whose
-- ids are places.

local function beginUserLog(state, nonce)
  if redis.call('HSETNX', state, 'place', 0) == 0 then return end
  redis.call('HSET', state, 'epoch', nonce, 'fence', runId(), 'floor', 0, 'lineage', cjson.encode({ { nonce, 1 } }))
end

-- Older versions change the list and note nothing. What they changed shows in its size: nobody resumes across that.
-- To be called before the list is changed or its log is read.
local function checkUserLog(state, log, conversations, nonce)
  beginUserLog(state, nonce)
  local size = digits(redis.call('SCARD', conversations))
  local noted = redis.call('HGET', state, 'size')
  if noted == size then return end
  redis.call('HSET', state, 'size', size)
  if not noted then return end
  local _, place = advance(state, nonce)
  redis.call('XTRIM', log, 'MINID', digits(place + 1) .. '-0')
  redis.call('HSET', state, 'floor', digits(place))
end

-- To be called after the list was changed by what is noted.
local function noteUserLogSize(state, conversations)
  redis.call('HSET', state, 'size', digits(redis.call('SCARD', conversations)))
end

local function noteInUserLog(state, log, nonce, most, id, event)
  beginUserLog(state, nonce)
  local _, place, epoch = advance(state, nonce)
  redis.call('XADD', log, digits(place) .. '-0', 'c', id, 'v', event, 'e', epoch)
  local floor = place - tonumber(most)
  if floor <= 0 then return end
  redis.call('XTRIM', log, 'MINID', digits(floor + 1) .. '-0')
  redis.call('HSET', state, 'floor', digits(floor))
end
