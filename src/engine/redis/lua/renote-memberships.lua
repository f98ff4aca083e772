-- Notes the memberships of these users again, and those of all members unless the conversation is large: a failover may
-- have made conversation and lists differ.
-- KEYS  meta members notes
-- ARGV  most (members of a conversation that is not large) version (the highest that was noted of it), then userIds
-- Answers the unapplied notes
local meta, members, notes = unpack(KEYS)
local head, activity, sequence, isLarge, last = unpack(redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large', 'memberships'))
local users = {}
for index = 3, #ARGV do users[ARGV[index]] = true end
if head and not isLarge and redis.call('HLEN', members) <= tonumber(ARGV[1]) then
  for _, user in ipairs(redis.call('HKEYS', members)) do users[user] = true end
end
-- Above the versions in the lists, also when the conversation was lost with its counter.
local version = digits(math.max(tonumber(after(last or nil)), tonumber(ARGV[2]) + 1))
if head then redis.call('HSET', meta, 'memberships', version) end

local kind = head and string.match(head, '"kind":"(%u)')
local function peerOf(user)
  if kind ~= 'D' then return '' end
  for _, each in ipairs(redis.call('HKEYS', members)) do
    if each ~= user then return each end
  end
  return ''
end
local made = {}
for user in pairs(users) do
  local value = head and redis.call('HGET', members, user)
  local note = version .. ':0:R'
  if value then
    local since = activity == 'null' and string.match(head, '"createdAt":(%d+)') or activity
    note = table.concat({ version, 1, kind, since, sequence, digits((memberRead(value))), isLarge and 'L' or 'a', peerOf(user) }, ':')
  end
  addPair(made, user, note)
end
callInParts('HSET', notes, made)
return unapplied(notes)
