-- Stores the health of a webhook, unless it was saved again or deleted since. A disabled webhook is held by no node.
-- KEYS  records healths holders
-- ARGV  consumer version health-as-JSON "1" when it is disabled, holder-field
local records, healths, holders = unpack(KEYS)
local consumer, version, json, isDisabled, field = unpack(ARGV)
local record = redis.call('HGET', records, consumer)
if not record or cjson.decode(record).version ~= version then return 'other' end
redis.call('HSET', healths, consumer, json)
if isDisabled == '1' then redis.call('HDEL', holders, field) end
return 'noted'
