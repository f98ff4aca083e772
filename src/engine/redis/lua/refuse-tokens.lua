-- Revokes a user's tokens up to an instant; a stored later instant stays.
-- KEYS  refusal mark channel
-- ARGV  instant announcement-as-JSON
-- Answers nothing
local refusal, mark, channel = unpack(KEYS)
local before = tonumber(redis.call('GET', refusal) or '-1')
if before < tonumber(ARGV[1]) then redis.call('SET', refusal, ARGV[1]) end
announceMarked(mark, channel, ARGV[2])
