-- Counts the messages of each conversation that may be being written.
-- KEYS  of each: streams
-- Answers the number for each
local answer = {}
for at, streams in ipairs(KEYS) do answer[at] = redis.call('HLEN', streams) end
return answer
