-- Removes a member; the longest-standing member follows the last owner.
-- KEYS  meta members joins typing notes channel, then the outbox of events if events are stored
-- ARGV  userId, then the actor's userId leastRole
-- Answers {"changed" | "unchanged", conversation, unapplied} | {"not-found"} | {"not-allowed"}
local meta, members, joins, typing, notes, channel = unpack(KEYS)
local user, actor, least = unpack(ARGV)
if redis.call('EXISTS', meta) == 0 then return { 'not-found' } end
local value = redis.call('HGET', members, user)
-- A member may leave.
if not (actor == user and least == 'MEMBER') and not mayAct(members, actor, least, value) then return { 'not-allowed' } end
if not value then return { 'unchanged', conversationJson(meta), unapplied(notes) } end
redis.call('HDEL', members, user)
redis.call('ZREM', joins, user)
redis.call('ZREM', typing, user)
redis.call('HINCRBY', meta, 'members', -1)
if memberRole(value) == 'OWNER' and redis.call('HINCRBY', meta, 'owners', -1) == 0 then
  local eldest = redis.call('ZRANGE', joins, 0, 0)[1]
  if eldest then
    redis.call('HSET', members, eldest, withRole(redis.call('HGET', members, eldest), 'OWNER'))
    redis.call('HSET', meta, 'owners', 1)
  end
end
local isLeaving = actor == user
noteMemberships(meta, notes, { user }, 0, nil, isLeaving and 'L' or 'R')
local why = ',"why":"' .. (isLeaving and 'LEFT' or 'REMOVED') .. '"'
return { 'changed', announceConversation(meta, channel, {}, { user }, why), unapplied(notes) }
