-- What is kept of a topic.
-- KEYS  meta history
-- Answers {epoch, place, publications as JSON, oldest first}; {false, false, {}} when nothing is kept
local meta, history = unpack(KEYS)
local state = redis.call('HMGET', meta, 'epoch', 'place')
return { state[1], state[2], redis.call('LRANGE', history, 0, -1) }
