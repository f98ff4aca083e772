-- Makes a reservation (membership-quota.ts) agree with the membership: keeps it, or gives it back unless it was taken again since `stamp`.
-- KEYS  reservations
-- ARGV  offset conversationId stamp "1" for a member | "0"
local reservations, id, seen = KEYS[1], ARGV[2], tonumber(ARGV[3])
if ARGV[4] == '1' then
  -- With a new stamp, so that nobody who took it earlier gives it back.
  redis.call('ZADD', reservations, digits(micros(ARGV[1])), id)
elseif tonumber(redis.call('ZSCORE', reservations, id)) == seen then
  redis.call('ZREM', reservations, id)
end
return 'concluded'
