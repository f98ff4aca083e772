-- Deletes a conversation with its messages and members.
-- KEYS  meta members joins messages log typing notes streams texts stops gone channel, then the outbox of events if events are stored
-- ARGV  how long its id stays taken in milliseconds, then the actor's userId leastRole; "NOBODY": only if it has no
-- members
-- Answers {"deleted", unapplied} | {"not-found"} | {"not-allowed"}
local meta, members, joins, messages, log, typing, notes, streams, texts, stops, gone, channel = unpack(KEYS)
local taken, actor, least = unpack(ARGV)
if redis.call('EXISTS', meta) == 0 then return { 'not-found' } end
if least == 'NOBODY' then
  if redis.call('HLEN', members) > 0 then return { 'not-allowed' } end
elseif not mayAct(members, actor, least) then return { 'not-allowed' } end
local users = redis.call('HKEYS', members)
noteMemberships(meta, notes, users, 0, nil, 'D')
redis.call('HSET', meta, 'members', 0)
announceConversation(meta, channel, {}, users, ',"why":"DELETED"')
redis.call('UNLINK', meta, members, joins, messages, log, typing, streams, texts, stops)
redis.call('SET', gone, 1, 'PX', taken)
return { 'deleted', unapplied(notes) }
