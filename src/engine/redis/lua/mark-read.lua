-- Moves a member's read position forward, never back.
-- KEYS  meta members notes channel
-- ARGV  offset userId sequence
-- Answers {"changed" | "unchanged", conversation, facts (`factsForLists` in members.lua)} | {"not-member"} | {"past-head"}
local meta, members, notes, channel = unpack(KEYS)
local offset, user, sequence = unpack(ARGV)
local value = redis.call('HGET', members, user)
if not value then return { 'not-member' } end
if tonumber(sequence) > tonumber(redis.call('HGET', meta, 'sequence')) then return { 'past-head' } end
local before, readAt = memberRead(value)
-- A member who joined and reads for the first time may already be at the start of the unread count.
local isFirst = readAt == 0 and tonumber(sequence) > 0 and tonumber(sequence) == before
if tonumber(sequence) <= before and not isFirst then
  return { 'unchanged', conversationJson(meta), factsForLists(meta, members, notes, { user }) }
end
local time = digits(now(offset))
redis.call('HSET', members, user, withRead(value, sequence, time))
local read = '{"userId":' .. cjson.encode(user) .. ',"sequence":' .. sequence .. ',"readAt":' .. time .. '}'
local conversation = announceConversation(meta, channel, {}, {}, ',"read":' .. read)
return { 'changed', conversation, factsForLists(meta, members, notes, { user }) }
