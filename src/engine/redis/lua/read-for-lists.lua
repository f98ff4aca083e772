-- Reads what a conversation says to the lists of its members.
-- KEYS  meta members outbox
-- ARGV  userIds (none: all members, unless the conversation is large)
-- Answers {kind, activity, sequence, "1" | "0" (large), unsettled, name as JSON, version, user, member, …} | {}
local meta, members, outbox = unpack(KEYS)
local state = redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large', 'name', 'version')
if not state[1] then return {} end
local kind, created = string.match(state[1], '"kind":"(%u)'), string.match(state[1], '"createdAt":(%d+)')
local answer = { kind, state[2] == 'null' and created or state[2], state[3], state[4] or '0', unsettled(outbox), state[5], state[6] }
if #ARGV > 0 then
  local values = redis.call('HMGET', members, unpack(ARGV))
  for index, user in ipairs(ARGV) do
    if values[index] then
      answer[#answer + 1] = user
      answer[#answer + 1] = values[index]
    end
  end
elseif not state[4] then
  for _, each in ipairs(redis.call('HGETALL', members)) do answer[#answer + 1] = each end
end
return answer
