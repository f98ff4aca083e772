-- Reads messages by their sequences.
-- KEYS  of each: messages
-- ARGV  of each: sequence
-- Answers of each: message | false
local answer = {}
for index, messages in ipairs(KEYS) do answer[index] = messageAt(messages, ARGV[index]) end
return answer
