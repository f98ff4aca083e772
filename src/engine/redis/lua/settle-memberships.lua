-- Forgets what is in the indexes now; a note that was replaced meanwhile stays.
-- KEYS  outbox
-- ARGV  user note of each
-- Answers what is still unsettled
local outbox = KEYS[1]
for index = 1, #ARGV, 2 do
  if redis.call('HGET', outbox, ARGV[index]) == ARGV[index + 1] then redis.call('HDEL', outbox, ARGV[index]) end
end
return unsettled(outbox)
