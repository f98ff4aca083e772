-- Reads the heads of conversations' logs at an instant, and when each conversation last changed.
-- KEYS  of each: meta messages log
-- ARGV  milliseconds since the epoch, the clock's offset (which the times of messages contain)
-- Answers of each {lineage, place, "1" | "0" (all behind the place is kept), loggedAt ("" unknown), version} | {}
local instant, offset = tonumber(ARGV[1]), tonumber(ARGV[2])

local function isPast(messages, log, place)
  local entry = redis.call('XRANGE', log, digits(place) .. '-0', digits(place) .. '-0')[1]
  if not entry then return false end
  local change, sequence, _, loggedAt = entryFields(entry)
  if loggedAt ~= '' then return tonumber(loggedAt) > instant end
  local sent = change == 'SENT' and messageAt(messages, sequence)
  local time = sent and string.match(sent, '"timestamp":(%d+)')
  return not time or tonumber(time) - offset > instant
end

local function headOf(meta, messages, log)
  local state = redis.call('HMGET', meta, 'lineage', 'place', 'floor', 'logged', 'version')
  if not state[1] then return {} end
  local head, floor = tonumber(state[2]), tonumber(state[3])
  -- An older version stored no time. A change without a time counts as later, so it may be delivered twice, and is
  -- never missed.
  local loggedPlace, loggedAt = string.match(state[4] or '', '^(%d+):(%d+)$')
  if loggedPlace ~= state[2] then loggedAt = '' end
  local place = head
  if head > floor and (loggedAt == '' or tonumber(loggedAt) > instant) then
    local after = head + 1
    place = floor
    while after - place > 1 do
      local middle = math.floor((place + after) / 2)
      if isPast(messages, log, middle) then after = middle else place = middle end
    end
  end
  local isKept = place > floor or floor == 0 or head == floor
  return { state[1], digits(place), isKept and '1' or '0', loggedAt, state[5] }
end

local answer = {}
for at = 1, #KEYS, 3 do answer[#answer + 1] = headOf(KEYS[at], KEYS[at + 1], KEYS[at + 2]) end
return answer
