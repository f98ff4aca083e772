-- Counts what may be being written in each conversation.
-- KEYS  of each: streams
-- Answers of each how many messages
local answer = {}
for at, streams in ipairs(KEYS) do answer[at] = redis.call('HLEN', streams) end
return answer
