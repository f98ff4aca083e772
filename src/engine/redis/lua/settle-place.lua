-- Makes a place agree with the membership, unless it was taken anew since it was looked at.
-- KEYS  places
-- ARGV  offset conversationId stamp "1" for a member | "0"
local places, id, seen = KEYS[1], ARGV[2], tonumber(ARGV[3])
local stamp = tonumber(redis.call('ZSCORE', places, id))
if ARGV[4] == '0' then
  if stamp == seen then redis.call('ZREM', places, id) end
elseif not stamp or stamp == seen then
  redis.call('ZADD', places, digits(micros(ARGV[1])), id)
end
return 'settled'
