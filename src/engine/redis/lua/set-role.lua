-- Sets a member's role.
-- KEYS  meta members channel
-- ARGV  userId role, then the actor's userId leastRole
-- Answers {"changed" | "unchanged", conversation} | {"not-found"} | {"last-owner"} | {"not-allowed"}
local meta, members, channel = unpack(KEYS)
local user, role, actor, least = unpack(ARGV)
if not mayAct(members, actor, least) then return { 'not-allowed' } end
local value = redis.call('HGET', members, user)
if not value then return { 'not-found' } end
local before = memberRole(value)
if before == role then return { 'unchanged', conversationJson(meta) } end
if before == 'OWNER' then
  if redis.call('HGET', meta, 'owners') == '1' then return { 'last-owner' } end
  redis.call('HINCRBY', meta, 'owners', -1)
end
if role == 'OWNER' then redis.call('HINCRBY', meta, 'owners', 1) end
redis.call('HSET', members, user, withRole(value, role))
return { 'changed', announceConversation(meta, channel, {}, {}) }
