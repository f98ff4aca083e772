-- Reads conversations, each in one consistent state.
-- KEYS  of each: meta notes
-- Answers of each {conversation, unapplied}, or nothing when there is none
local allNotes, answer = {}, {}
for at = 2, #KEYS, 2 do allNotes[#allNotes + 1] = KEYS[at] end
local areApplied = redis.call('EXISTS', unpack(allNotes)) == 0
for at = 1, #KEYS, 2 do
  local conversation = conversationJson(KEYS[at])
  answer[#answer + 1] = conversation and { conversation, areApplied and {} or unapplied(KEYS[at + 1]) } or false
end
return answer
