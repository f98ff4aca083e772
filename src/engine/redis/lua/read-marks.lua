-- Reads the marks of conversations; see `../marks.ts`.
-- KEYS  of each: meta
-- Answers of each {version, epoch, place}
local answer = {}
for at, meta in ipairs(KEYS) do answer[at] = redis.call('HMGET', meta, 'version', 'epoch', 'place') end
return answer
