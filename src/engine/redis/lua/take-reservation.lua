-- Takes a reservation of the user's quota (membership-quota.ts) for a conversation that the user is about to begin or
-- join, before either is done.
-- KEYS  reservations
-- ARGV  offset conversationId cap leaseMs count
-- Answers {"held" | "taken", stamp} | {"full", then conversationId stamp of those compared longest ago}
local reservations = KEYS[1]
local stamp, id, cap, lease, count = micros(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local held = tonumber(redis.call('ZSCORE', reservations, id))
if not held and redis.call('ZCARD', reservations) >= cap then
  local full = { 'full' }
  local old = digits(stamp - lease * 1000)
  local oldest = redis.call('ZRANGE', reservations, '-inf', old, 'BYSCORE', 'LIMIT', 0, count, 'WITHSCORES')
  for index, value in ipairs(oldest) do
    full[#full + 1] = index % 2 == 0 and digits(tonumber(value)) or value
  end
  return full
end
-- Stamps are unique, so that a caller gives back only its own reservation.
if held and held >= stamp then stamp = held + 1 end
redis.call('ZADD', reservations, digits(stamp), id)
return { held and 'held' or 'taken', digits(stamp) }
