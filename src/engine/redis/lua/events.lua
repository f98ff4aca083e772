-- Functions of the scripts that hand out events of a partition to one consumer.
--
-- `state` is a hash: `place`, the last event handed out; `until`, the time until which no more are; `token`, under
-- which they were handed out; `acked`, the last acknowledged token; and for each event that is not acknowledged p:id =
-- attempts:token. `dead` is the stream of dead letters: i(d), a(ttempts) and the fields of the event.

-- Whether an id of a stream is before another.
local function isBefore(one, other)
  local ms, sequence = string.match(one, '^(%d+)-(%d+)$')
  local otherMs, otherSequence = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) < tonumber(otherMs) end
  return tonumber(sequence) < tonumber(otherSequence)
end

-- Events that were handed out and are not acknowledged, in order: { id, attempts, token }.
local function pendingEvents(state)
  local fields = redis.call('HGETALL', state)
  local pending = {}
  for index = 1, #fields, 2 do
    if string.sub(fields[index], 1, 2) == 'p:' then
      local attempts, token = string.match(fields[index + 1], '^(%d+):(.*)$')
      pending[#pending + 1] = { string.sub(fields[index], 3), tonumber(attempts), token }
    end
  end
  table.sort(pending, function(one, other) return isBefore(one[1], other[1]) end)
  return pending
end

-- An event of this id; nil when it is no longer kept.
local function eventAt(stream, id)
  return redis.call('XRANGE', stream, id, id)[1]
end

-- Turns an event into a dead letter. An event past its retention is dropped.
local function giveUp(stream, state, dead, id, attempts)
  redis.call('HDEL', state, 'p:' .. id)
  local event = eventAt(stream, id)
  if event then redis.call('XADD', dead, '*', 'i', id, 'a', attempts, unpack(event[2])) end
end

-- Whether the partition is free: no member holds it, and it does not rest. If so, drops events past their retention,
-- and turns events into dead letters whose last attempt was not acknowledged.
local function giveUpOverdue(stream, state, dead, time, keepMs, most)
  redis.call('XTRIM', stream, 'MINID', digits(time - keepMs))
  redis.call('XTRIM', dead, 'MINID', digits(time - keepMs))
  if tonumber(redis.call('HGET', state, 'until') or '0') > time then return false end
  for _, each in ipairs(pendingEvents(state)) do
    if each[2] >= tonumber(most) or not eventAt(stream, each[1]) then
      giveUp(stream, state, dead, each[1], each[2])
    end
  end
  return true
end

-- The value of a field of an event.
local function fieldOf(event, name)
  for index = 1, #event[2], 2 do
    if event[2][index] == name then return event[2][index + 1] end
  end
end

-- Whether a consumer wants an event. `wanted` is JSON of its types, conversations and patterns of topics, and of the
-- types that the caller's version knows.
local function wants(wanted, event)
  local kind, subject = fieldOf(event, 't'), fieldOf(event, 's')
  if not wanted.types[kind] then return false end
  if not wanted.known[kind] then return true end
  -- Events of users belong to no conversation and no topic.
  if kind == 'PRESENCE_CHANGED' or string.sub(kind, 1, 8) == 'SESSION_' then return true end
  if kind ~= 'PUBLISHED' then return wanted.conversations == cjson.null or wanted.conversations[subject] ~= nil end
  if wanted.topics == cjson.null then return true end
  for _, pattern in ipairs(wanted.topics) do
    if string.find(subject, pattern) then return true end
  end
  return false
end
