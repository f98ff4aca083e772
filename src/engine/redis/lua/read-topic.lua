-- Reads the stored publications of a topic past a place.
-- KEYS  meta history
-- ARGV  place ("": all, those of earlier epochs too) count
-- Answers {epoch, place of the latest, publications as JSON, oldest first}; {false, false, {}} when nothing is kept
local meta, history = unpack(KEYS)
local after, count = ARGV[1], tonumber(ARGV[2])
local state = redis.call('HMGET', meta, 'epoch', 'place')
local start = 0
if after ~= '' then start = math.max(after - tonumber(state[2] or 0) + redis.call('LLEN', history), 0) end
return { state[1], state[2], redis.call('LRANGE', history, start, start + count - 1) }
