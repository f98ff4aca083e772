-- Adds the users who are not members yet, all or none. The first member of an empty conversation becomes its owner.
-- KEYS  meta members joins notes channel, the reservations of a user who joins if they are on the same server, then the
-- outbox of events if events are stored
-- ARGV  offset cap role most (members of a conversation that is not large) conversationId "1" | "0" (`hasReservation` in
-- members.lua), then userIds
-- Answers {"changed" | "unchanged", conversation, unapplied} | {"full"} | {"not-found"} | {"quota-full"}
local meta, members, joins, notes, channel, reservations = unpack(KEYS)
local state = redis.call('HMGET', meta, 'members', 'ordinal', 'sequence', 'place', 'epoch')
if not state[1] then return { 'not-found' } end
local joined, seen = {}, {}
for index = 7, #ARGV do
  local user = ARGV[index]
  if not seen[user] and redis.call('HEXISTS', members, user) == 0 then joined[#joined + 1] = user end
  seen[user] = true
end
if #joined == 0 then return { 'unchanged', conversationJson(meta), unapplied(notes) } end
if not hasReservation(ARGV[6], reservations, ARGV[5]) then return { 'quota-full' } end
local count, ordinal = tonumber(state[1]), tonumber(state[2])
if count + #joined > tonumber(ARGV[2]) then return { 'full' } end
local time = digits(now(ARGV[1]))
local values, ordinals = {}, {}
for index, user in ipairs(joined) do
  local role = ARGV[3]
  if count == 0 and index == 1 then role = 'OWNER' end
  if role == 'OWNER' then redis.call('HINCRBY', meta, 'owners', 1) end
  addPair(values, user, newMember(role, time, digits(ordinal + index - 1), state[3], state[4], state[5]))
  addPair(ordinals, ordinal + index - 1, user)
end
callInParts('HSET', members, values)
callInParts('ZADD', joins, ordinals)
redis.call('HSET', meta, 'members', count + #joined, 'ordinal', digits(ordinal + #joined))
-- Before the new members, whose notes contain more.
noteSize(meta, members, notes, ARGV[4])
noteMemberships(meta, notes, joined, 1)
return { 'changed', announceConversation(meta, channel, joined, {}), unapplied(notes, #joined) }
