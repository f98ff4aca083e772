-- Starts, renews or stops a member's typing.
-- KEYS  members typing channel
-- ARGV  offset conversationId-as-JSON userId "start" | "stop" typingMs
-- Answers the typing record as JSON, or nothing when the user is not a member
local members, typing, channel = unpack(KEYS)
local offset, conversation, user, verb, typingMs = unpack(ARGV)
if redis.call('HEXISTS', members, user) == 0 then return false end
local time = now(offset)
redis.call('ZREMRANGEBYSCORE', typing, '-inf', digits(time))
local expiresAt, isTyping, changed = 'null', 'false', true
if verb == 'start' then
  expiresAt, isTyping = digits(time + typingMs), 'true'
  redis.call('ZADD', typing, expiresAt, user)
  redis.call('PEXPIRE', typing, typingMs)
else
  changed = redis.call('ZREM', typing, user) == 1
end
local record = '{"conversationId":' .. conversation .. ',"userId":' .. cjson.encode(user) .. ',"isTyping":' .. isTyping
  .. ',"expiresAt":' .. expiresAt .. '}'
if changed then redis.call('SPUBLISH', channel, '{"type":"typing","typing":' .. record .. '}') end
return record
