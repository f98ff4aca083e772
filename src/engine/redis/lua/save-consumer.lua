-- Saves a consumer under its name; an existing one keeps its key.
-- KEYS  consumers unaware
-- ARGV  name key record most node
-- Answers {"full"} | {"saved", milliseconds until every node knows of it}
local consumers, unaware = unpack(KEYS)
local name, key, record, most, node = unpack(ARGV)
local before = redis.call('HGET', consumers, name)
if not before and redis.call('HLEN', consumers) >= tonumber(most) then return { 'full' } end
redis.call('HSET', consumers, name, (before and string.match(before, '^%S+') or key) .. ' ' .. record)
redis.call('ZREM', unaware, node)
local last = redis.call('ZREVRANGE', unaware, 0, 0, 'WITHSCORES')[2]
return { 'saved', last and math.max(0, tonumber(last) - now(0) + 1) or 0 }
