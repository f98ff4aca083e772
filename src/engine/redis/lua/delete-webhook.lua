-- Deletes a webhook.
-- KEYS  records healths holders
-- ARGV  consumer holder-field
-- Answers 1, or 0 when there was none
local records, healths, holders = unpack(KEYS)
redis.call('HDEL', healths, ARGV[1])
redis.call('HDEL', holders, ARGV[2])
return redis.call('HDEL', records, ARGV[1])
