-- The outcomes of messages that were sent under a key. Used by scripts that name its functions.
--
-- An outcome is stored for `SENT_MS`: the message's sequence, or its fate and the id of the resulting message elsewhere.
-- KEYS of an outcome, in this order:
--   alone   its own key: outcome:expiresAt:digest
--   halves  four hashes, where the data have the compact form (`schema.ts`). Each stores the outcomes of a half of
--           `SENT_MS`, in turn, and expires as a whole: field → expiresAt as four bytes, the start of the
--           digest, outcome; short, since there is one for each message

local SENT_HALF = SENT_MS / 2
local SENT_DIGEST = 12
local FOUR_BYTES = 4294967296

local function digestStart(digest)
  return string.format('%-12.12s', digest)
end

-- The hash of the half in which an instant is; `back`: of so many halves before it.
local function halfOf(sent, time, back)
  return sent[(math.floor(time / SENT_HALF) - back) % 4 + 2]
end

-- The stored outcome under a key, and whether it is of the same message; nil: the key is unknown.
local function storedOutcome(sent, field, digest, time)
  local what, expiresAt, earlier = string.match(redis.call('GET', sent[1]) or '', '^([^:]+):(%d+):?(.*)$')
  -- Older versions kept no digest.
  if what and tonumber(expiresAt) > time then return what, earlier == '' or earlier == digest end
  for back = 0, 2 do
    local value = redis.call('HGET', halfOf(sent, time, back), field)
    if value then
      local left = (struct.unpack('>I4', value) - time) % FOUR_BYTES
      if left > 0 and left <= SENT_MS then
        return string.sub(value, 5 + SENT_DIGEST), string.sub(value, 5, 4 + SENT_DIGEST) == digestStart(digest)
      end
    end
  end
end

-- The outcome of a message that was sent under a key, as an answer; nil: the key is unknown.
local function earlierSent(sent, field, digest, messages, time)
  local what, isSame = storedOutcome(sent, field, digest, time)
  if not what then return nil end
  if not isSame then return { 'conflict' } end
  local fate, id = string.match(what, '^(%a[^ ]*) ?(.*)$')
  if fate then return { 'diverted', fate, id } end
  local value = messageAt(messages, what)
  if value then return { 'duplicate', value } end
  return { 'no-longer-kept' }
end

-- Stores an outcome. The hash lives until the last outcome of its half expires.
local function keepSent(sent, field, digest, time, what, isCompact)
  if isCompact ~= '1' then
    redis.call('SET', sent[1], what .. ':' .. digits(time + SENT_MS) .. ':' .. digest, 'PX', SENT_MS)
    return
  end
  local half = halfOf(sent, time, 0)
  redis.call('HSET', half, field, struct.pack('>I4', (time + SENT_MS) % FOUR_BYTES) .. digestStart(digest) .. what)
  if redis.call('PTTL', half) < SENT_MS then redis.call('PEXPIRE', half, digits(SENT_MS + SENT_HALF)) end
end
