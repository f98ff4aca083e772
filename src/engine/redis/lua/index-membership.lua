-- Puts a change of membership into its user's index and tells the user, unless the index has it or a later one.
-- KEYS  conversations joined left mark channel
-- ARGV  conversationId version "1" | "0" (who went) most (versions kept of those left)
local conversations, joined, left, mark, channel = unpack(KEYS)
local id, version, isMember, most = unpack(ARGV)
local known = redis.call('HGET', joined, id) or redis.call('ZSCORE', left, id)
if known and tonumber(known) >= tonumber(version) then return 0 end
if isMember == '1' then
  redis.call('SADD', conversations, id)
  redis.call('HSET', joined, id, version)
  redis.call('ZREM', left, id)
else
  redis.call('SREM', conversations, id)
  redis.call('HDEL', joined, id)
  redis.call('ZADD', left, version, id)
  redis.call('ZREMRANGEBYRANK', left, 0, -(tonumber(most) + 1))
end
announceMarked(mark, channel, '{"type":"membership","conversationId":' .. cjson.encode(id) .. ',"isMember":'
  .. (isMember == '1' and 'true' or 'false') .. '}')
return 1
