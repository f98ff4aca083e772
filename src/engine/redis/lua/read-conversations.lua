-- Reads conversations, each in one consistent state.
-- KEYS  of each: meta outbox
-- Answers of each {conversation, unapplied}, or nothing when there is none
local outboxes, answer = {}, {}
for at = 2, #KEYS, 2 do outboxes[#outboxes + 1] = KEYS[at] end
local areApplied = redis.call('EXISTS', unpack(outboxes)) == 0
for at = 1, #KEYS, 2 do
  local conversation = conversationJson(KEYS[at])
  answer[#answer + 1] = conversation and { conversation, areApplied and {} or unapplied(KEYS[at + 1]) } or false
end
return answer
