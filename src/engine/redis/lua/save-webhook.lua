-- Saves the webhook of a consumer, replacing an earlier one. It is enabled, and any node may hold it.
-- KEYS  records holders
-- ARGV  consumer target-as-JSON earlier-until holder-field The previous secret also signs until `earlier-until`.
local records, holders = unpack(KEYS)
local consumer, json, untilMs, field = unpack(ARGV)
local before = redis.call('HGET', records, consumer)
if before then
  local earlier = cjson.encode({ secret = cjson.decode(before).secret, ['until'] = tonumber(untilMs) })
  json = string.sub(json, 1, -2) .. ',"earlier":' .. earlier .. '}'
end
redis.call('HSET', records, consumer, json)
redis.call('HSETNX', holders, field, '- 0')
return 'saved'
