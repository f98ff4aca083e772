-- Functions that every script of this folder may use. `linking.ts` prepends those that a script names.

-- Caches answers of the server for this run of a script, which may serve many users or conversations.
local SERVER = {}

-- Microseconds since the Unix epoch by the server's clock, so that clocks of nodes do not matter. Two scripts get
-- different values, unless that clock was set back.
local function micros(offset)
  SERVER.time = SERVER.time or redis.call('TIME')
  return tonumber(SERVER.time[1]) * 1000000 + tonumber(SERVER.time[2]) + tonumber(offset) * 1000
end

-- The same in milliseconds.
local function now(offset)
  return math.floor(micros(offset) / 1000)
end

-- A whole number as decimal digits.
local function digits(number)
  return string.format('%d', number)
end

-- The next version: above the last one, and above all that an earlier run of the server assigned, since it grows with
-- time.
local function after(last)
  return digits(math.max(tonumber(last or '0') + 1, now(0)))
end

-- The run id of the server, which releases up to 0.1.0 used as the fence of a log.
local function runId()
  SERVER.runId = SERVER.runId or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return SERVER.runId
end

-- The replication history of the server (`master_replid`), the fence of logs. It changes with each restart and each
-- promotion, after which the end of a log may be lost. A primary that was replaced and promoted again may have the same
-- run id, but never the same history. A server without a history returns its run id.
local function serverHistory()
  if not SERVER.history then
    local info = redis.call('INFO', 'replication')
    -- A plain search, which takes a tenth of the time of a pattern.
    local _, last = string.find(info, 'master_replid:', 1, true)
    SERVER.history = last and string.match(string.sub(info, last + 1, last + 16), '^%x+') or runId()
  end
  return SERVER.history
end

-- Whether a log without this history was written in this run all the same: then a node of 0.1.0 began it here, and
-- nothing of it is lost.
local function isOfThisRun(noted, fence)
  return not noted and fence == runId()
end

-- Runs a command with any number of arguments after its key, a thousand at a time, since Lua's stack holds a few
-- thousand. Pairs stay together.
local function callInParts(command, key, list)
  for at = 1, #list, 1000 do redis.call(command, key, unpack(list, at, math.min(at + 999, #list))) end
end

local function addPair(list, first, second)
  list[#list + 1] = first
  list[#list + 1] = second
end

-- Adds an epoch that begins at a place to a lineage, as JSON.
local function withEpoch(json, epoch, place)
  local lineage = cjson.decode(json)
  lineage[#lineage + 1] = { epoch, place }
  while #lineage > 32 do table.remove(lineage, 1) end
  return cjson.encode(lineage)
end

-- Advances the log: returns the next position as JSON, its place and its epoch. Begins a new epoch when the server's
-- history has changed. With `sentAt`, for a new message, the fourth result is its sequence. All in one write.
local function advance(meta, nonce, sentAt)
  local state = redis.call('HMGET', meta, 'place', 'epoch', 'history', 'sequence')
  local place = tonumber(state[1]) + 1
  local epoch = state[2]
  if state[3] ~= serverHistory() then
    local before = redis.call('HMGET', meta, 'fence', 'lineage')
    redis.call('HSET', meta, 'history', serverHistory())
    if not isOfThisRun(state[3], before[1]) then
      epoch = nonce
      redis.call('HSET', meta, 'epoch', epoch, 'fence', runId(), 'lineage', withEpoch(before[2], epoch, place))
    end
  end
  -- Older versions move only the place.
  local at, logged = digits(place), digits(place) .. ':' .. digits(now(0))
  local sequence
  if sentAt then
    sequence = tonumber(state[4]) + 1
    redis.call('HSET', meta, 'place', at, 'logged', logged, 'sequence', digits(sequence), 'activity', sentAt)
  else
    redis.call('HSET', meta, 'place', at, 'logged', logged)
  end
  return '{"epoch":"' .. epoch .. '","place":' .. at .. '}', place, epoch, sequence
end

-- Nil when there is none.
local function conversationJson(meta)
  local f = redis.call('HMGET', meta, 'head', 'name', 'sequence', 'place', 'epoch', 'version', 'activity', 'members')
  if not f[1] then return nil end
  return '{' .. f[1] .. ',"name":' .. f[2] .. ',"lastSequence":' .. f[3] .. ',"position":{"epoch":"' .. f[5]
    .. '","place":' .. f[4] .. '},"version":' .. f[6] .. ',"lastActivityAt":' .. f[7] .. ',"memberCount":' .. f[8] .. '}'
end

local function listJson(list)
  if #list == 0 then return '[]' end
  return cjson.encode(list)
end

-- Whether the last key is an outbox of events for consumers.
local function storesEvents()
  return string.sub(KEYS[#KEYS], -7) == ':events'
end

-- Of these channels, those to which no connection to this server listens; none where the user may not ask.
local function unheardOf(channels)
  local counted, unheard = redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels)), {}
  for at = 1, #counted, 2 do unheard[counted[at]] = counted[at + 1] == 0 end
  return unheard
end

-- If the last key is an outbox of events, stores an announcement there for consumers, under a number above the last
-- one. The last event always stays in the outbox, so numbers never repeat. The time is above it, but for a second event
-- of a script and a clock that went back.
local function keepEvent(json)
  if not storesEvents() then return end
  local events = KEYS[#KEYS]
  local added = redis.pcall('XADD', events, digits(micros(0)) .. '-0', 'a', json)
  if type(added) == 'table' then
    local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
    redis.call('XADD', events, digits(tonumber(string.match(last[1], '^%d+')) + 1) .. '-0', 'a', json)
  end
  redis.call('PERSIST', events)
end

-- Stores a change of a conversation, a topic or a user for consumers, and announces it. Redis may refuse an announcement,
-- and keeps what a script wrote before: a script announces after its last write that belongs to the change.
local function announce(channel, json)
  keepEvent(json)
  redis.call('SPUBLISH', channel, json)
end

-- Moves the mark of a state without a version, and answers the previous one and its own. It is stored longer than the
-- interval of checks.
local function moveMark(mark)
  local now = after(nil)
  local before = redis.call('SET', mark, now, 'PX', 600000, 'GET')
  if before and tonumber(before) >= tonumber(now) then
    now = after(before)
    redis.call('SET', mark, now, 'PX', 600000)
  end
  return before, now
end

-- Announces a change of a state without a version, from JSON of an object. A listener whose last mark is not the previous
-- one has missed an announcement.
local function announceMarked(mark, channel, json)
  local before, now = moveMark(mark)
  keepEvent(json)
  redis.call('SPUBLISH', channel, '{"mark":[' .. (before or 'null') .. ',' .. now .. '],' .. string.sub(json, 2))
end

-- Writes a new version of the conversation and announces it with the members who joined and left; `more`: further
-- fields as JSON.
local function announceConversation(meta, channel, joined, left, more)
  local before = redis.call('HGET', meta, 'version')
  local version = after(before)
  redis.call('HSET', meta, 'version', version)
  local json = conversationJson(meta)
  -- A new conversation has no earlier version, except one of the same id that was lost.
  local past = before == '0' and 'null' or before
  announce(channel, '{"type":"conversation","mark":[' .. past .. ',' .. version .. '],"conversation":'
    .. json .. ',"joined":' .. listJson(joined) .. ',"left":' .. listJson(left)
    .. (before == '0' and ',"isNew":true' or '') .. (more or '') .. '}')
  return json
end

-- The field of an announcement for the trace that caused it; "" for none.
local function traced(trace)
  if trace == '' then return '' end
  return ',"trace":"' .. trace .. '"'
end

-- The stored outcome of a publication under its key: nil, {'conflict'}, or {'earlier', JSON that begins with the digest}.
local function earlierPublished(sent, digest, time)
  local expiresAt, json = string.match(redis.call('GET', sent) or '', '^(%d+) (.+)$')
  if not json or tonumber(expiresAt) <= time then return nil end
  -- Older versions kept no digest.
  local earlier = string.match(json, '^{"digest":"([^"]*)"')
  if earlier and earlier ~= digest then return { 'conflict' } end
  return { 'earlier', json }
end
