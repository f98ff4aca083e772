-- Reads the progress of a consumer in a partition.
-- KEYS  stream state dead
-- ARGV  offset attempts keepMs counted wanted
-- Answers {lag, pending, number of the oldest that is pending ("" for none), dead}
local stream, state, dead = unpack(KEYS)
local offset, most, keepMs, counted, wanted = unpack(ARGV)
giveUpOverdue(stream, state, dead, now(offset), tonumber(keepMs), most)
local pending, oldest = 0, ''
for _, each in ipairs(pendingEvents(state)) do
  local event = eventAt(stream, each[1])
  if event then
    pending = pending + 1
    local number = fieldOf(event, 'n')
    if oldest == '' or tonumber(number) < tonumber(oldest) then oldest = number end
  end
end
local place, left, lag, kinds = redis.call('HGET', state, 'place') or '0-0', tonumber(counted), 0, cjson.decode(wanted)
while left > 0 do
  local events = redis.call('XRANGE', stream, '(' .. place, '+', 'COUNT', math.min(left, 100))
  if #events == 0 then break end
  for _, event in ipairs(events) do
    if wants(kinds, event) then lag = lag + 1 end
    place, left = event[1], left - 1
  end
end
return { lag, pending, oldest, redis.call('XLEN', dead) }
