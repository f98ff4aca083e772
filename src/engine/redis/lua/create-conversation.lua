-- Creates a conversation unless its id is taken.
-- KEYS  meta members joins notes gone channel, the creator's reservations if they are on the same server, then the outbox of
-- events if events are stored
-- ARGV  offset head name nonce most (members of a conversation that is not large) conversationId "1" | "0" (`hasReservation`
-- in members.lua), then userId role of each member
-- Answers {"created" | "exists", conversation, unapplied} | {"gone"} | {"quota-full"}
local meta, members, joins, notes, gone, channel, reservations = unpack(KEYS)
local offset, head, name, nonce, most, id, isReserved = unpack(ARGV)
if redis.call('EXISTS', meta) == 1 then return { 'exists', conversationJson(meta), unapplied(notes) } end
if redis.call('EXISTS', gone) == 1 then return { 'gone' } end
if not hasReservation(isReserved, reservations, id) then return { 'quota-full' } end
local time = digits(now(offset))
local joined, values, ordinals = {}, {}, {}
for index = 8, #ARGV, 2 do
  joined[#joined + 1] = ARGV[index]
  addPair(values, ARGV[index], newMember(ARGV[index + 1], time, #joined, 0, 0, nonce))
  addPair(ordinals, #joined, ARGV[index])
end
callInParts('HSET', members, values)
callInParts('ZADD', joins, ordinals)
redis.call('HSET', meta, 'head', head .. ',"createdAt":' .. time, 'name', name, 'sequence', 0, 'place', 0,
  'floor', 0, 'first', 1, 'version', 0, 'activity', 'null', 'members', #joined, 'ordinal', #joined + 1,
  'owners', 1, 'epoch', nonce, 'fence', runId(), 'history', serverHistory(), 'lineage', cjson.encode({ { nonce, 1 } }))
noteSize(meta, members, notes, most)
noteMemberships(meta, notes, joined, 1)
return { 'created', announceConversation(meta, channel, joined, {}), unapplied(notes, #joined) }
