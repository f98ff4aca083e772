-- Hands out the next events of a partition, unless a member holds it.
-- KEYS  stream state dead
-- ARGV  offset token max bytes ackMs attempts keepMs scanned wanted
-- Answers {whether more may follow, then id number type subject data attempt of each event}
local stream, state, dead = unpack(KEYS)
local offset, token, max, bytes, ackMs, most, keepMs, scanned, wanted = unpack(ARGV)
local time = now(offset)
local given, count, room = { '0' }, 0, tonumber(bytes)
if not giveUpOverdue(stream, state, dead, time, tonumber(keepMs), most) then return given end
local function give(event, attempt)
  for _, name in ipairs({ 'n', 't', 's', 'd' }) do
    if name == 'n' then given[#given + 1] = event[1] end
    given[#given + 1] = fieldOf(event, name)
  end
  given[#given + 1] = digits(attempt)
  redis.call('HSET', state, 'p:' .. event[1], digits(attempt) .. ':' .. token)
  count, room = count + 1, room - #fieldOf(event, 'd')
end
local function isFull() return count >= tonumber(max) or room <= 0 end
-- A wanted event of a type that only a newer version knows, and those after it, are left to nodes of that version.
local kinds, isHeld = cjson.decode(wanted), false
local function isNewer(event) return not kinds.known[fieldOf(event, 't')] end
for _, each in ipairs(pendingEvents(state)) do
  local event = eventAt(stream, each[1])
  isHeld = isNewer(event) and wants(kinds, event)
  if isHeld or isFull() then break end
  if not isNewer(event) then give(event, each[2] + 1) end
end
local place = redis.call('HGET', state, 'place') or '0-0'
local from, left = place, tonumber(scanned)
while not isHeld and not isFull() and left > 0 do
  local events = redis.call('XRANGE', stream, '(' .. place, '+', 'COUNT', math.min(left, 20))
  if #events == 0 then break end
  for _, event in ipairs(events) do
    isHeld = isNewer(event) and wants(kinds, event)
    if isHeld or isFull() then break end
    place, left = event[1], left - 1
    if wants(kinds, event) then give(event, 1) end
  end
end
if left <= 0 then given[1] = '1' end
if place ~= from then redis.call('HSET', state, 'place', place) end
if count > 0 then redis.call('HSET', state, 'until', digits(time + ackMs), 'token', token) end
if place ~= from or count > 0 then redis.call('PEXPIRE', state, keepMs) end
return given
