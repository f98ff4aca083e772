-- Functions every script of this folder may use; those it names are put before it when it is loaded (`linking.ts`).
--
-- A message is one field of the `messages` hash, named by its sequence, with five
-- lines of JSON (JSON text never holds a raw newline):
--   1 what never changes   "id":"…","conversationId":"…","sequence":1,…
--   2 what an edit changes "content":"…","payload":…,"editedAt":…,"deletedAt":…
--   3 its reactions        [{"emoji":"…","userIds":["…"]}]
--   4 where it last changed  {"epoch":"…","place":7}
--   5 the place at which it was sent
--   Of a message that is read while it is written, line 2 ends with its state. While it is STREAMING its content there is
--   empty: the text is in `texts`, in parts named `sequence/0`, `sequence/1` … as JSON without quotes, so that their
--   concatenation is the content; and `streams` has a field of its sequence, see `streamAt`.
-- A member is one field of the `members` hash, named by the user:
--   role:joinedAt:ordinal:readSequence:readAt:joinedPlace:joinedEpoch

-- What the server answered in this run of a script: it is asked once, however many users or conversations the script is for.
local SERVER = {}

-- Microseconds since the epoch by the server's clock, so that no node's clock matters: no two scripts begin in one.
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
  return string.format('%.0f', number)
end

-- A number above the last one, and above all that an earlier run of the server gave out: it moves on with time.
local function after(last)
  return digits(math.max(tonumber(last or '0') + 1, now(0)))
end

-- Which run of the server this is: what releases up to 0.1.0 compare the fence of a log with.
local function runId()
  SERVER.runId = SERVER.runId or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return SERVER.runId
end

-- Which history of its data the server is in. It differs after a restart and after each promotion: the cases in which the end of
-- a log may be gone. A primary that was replaced and is the primary again may be in the same run, but never in the same history.
-- A server that does not name its history has its run.
local function serverHistory()
  if not SERVER.history then
    local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
    SERVER.history = id and string.sub(id, 1, 16) or runId()
  end
  return SERVER.history
end

-- Whether a log that was last written in another history, or in none that is known, was written in this run all the same: then a
-- node of 0.1.0 began it here, and nothing of it is gone.
local function isOfThisRun(noted, fence)
  return not noted and fence == runId()
end

-- Runs a command with any number of arguments behind its key, a thousand at a time: Lua's stack holds a few thousand. Pairs stay together.
local function callInParts(command, key, list)
  for at = 1, #list, 1000 do redis.call(command, key, unpack(list, at, math.min(at + 999, #list))) end
end

local function splitMessage(value)
  local lines = {}
  for line in string.gmatch(value, '[^\n]+') do lines[#lines + 1] = line end
  return lines
end

-- Whether a stored value is the message of this id.
local function isMessage(value, id)
  return value and string.sub(value, 1, #id + 7) == '"id":"' .. id .. '"'
end

local function messageJson(lines)
  return '{' .. lines[1] .. ',' .. lines[2] .. ',"reactions":' .. lines[3] .. ',"position":' .. lines[4] .. '}'
end

local function addPair(list, first, second)
  list[#list + 1] = first
  list[#list + 1] = second
end

-- A lineage, as JSON, with an epoch that begins at a place.
local function withEpoch(json, epoch, place)
  local lineage = cjson.decode(json)
  lineage[#lineage + 1] = { epoch, place }
  while #lineage > 32 do table.remove(lineage, 1) end
  return cjson.encode(lineage)
end

-- The next place of the log as JSON, and as its two parts. Begins a new epoch when the server's history is another.
-- `sentAt`: given for a new message; then the fourth answer is its sequence. All of it is one write.
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
  -- Of older versions only the place moves.
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

-- Where the outbox of its events is the last of the keys, what is announced is kept there for consumers, under a number above the
-- last one: of it the last is left, whatever was forwarded.
local function keepEvent(json)
  local events = KEYS[#KEYS]
  if string.sub(events, -7) ~= ':events' then return end
  local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
  local number = math.max(micros(0), last and tonumber(string.match(last[1], '^%d+')) + 1 or 0)
  redis.call('XADD', events, digits(number) .. '-0', 'a', json)
  redis.call('PERSIST', events)
end

-- Announces what happened to a conversation, a topic or a user, and keeps it for consumers.
local function announce(channel, json)
  redis.call('SPUBLISH', channel, json)
  keepEvent(json)
end

-- Announces, from JSON of an object, a change of a state that has no version: it has a mark instead, which outlives every
-- look at it. Whoever heard another mark before has missed something.
local function announceMarked(mark, channel, json)
  local now = after(nil)
  local before = redis.call('SET', mark, now, 'PX', 600000, 'GET')
  if before and tonumber(before) >= tonumber(now) then
    now = after(before)
    redis.call('SET', mark, now, 'PX', 600000)
  end
  redis.call('SPUBLISH', channel, '{"mark":[' .. (before or 'null') .. ',' .. now .. '],' .. string.sub(json, 2))
  keepEvent(json)
end

-- Writes a new version of the conversation and announces it with who came and went; `more`: further fields as JSON.
local function announceConversation(meta, channel, joined, left, more)
  local before = redis.call('HGET', meta, 'version')
  local version = after(before)
  redis.call('HSET', meta, 'version', version)
  local json = conversationJson(meta)
  -- Of a conversation that begins nothing was heard, except of one that was lost under its name.
  local past = before == '0' and 'null' or before
  announce(channel, '{"type":"conversation","mark":[' .. past .. ',' .. version .. '],"conversation":'
    .. json .. ',"joined":' .. listJson(joined) .. ',"left":' .. listJson(left)
    .. (before == '0' and ',"isNew":true' or '') .. (more or '') .. '}')
  return json
end

-- Notes a change of members for these users' lists, which live in other slots:
--   who went  version:0:reason
--   who came  version:1:kind:activity:sequence:readSequence:flag:peer
-- reason is L(eft), R(emoved) or D(eleted); kind is a letter; flag "l" says that the conversation is large, "-" that it is not; peer is of a direct conversation.
-- "L" and "a" say the same of one whose list may have what was lost: the entry goes back to what is noted.
local function noteMemberships(meta, outbox, users, isMember, read, reason)
  local version = after(redis.call('HGET', meta, 'memberships') or nil)
  redis.call('HSET', meta, 'memberships', version)
  local notes = {}
  if isMember == 0 then
    for _, user in ipairs(users) do addPair(notes, user, version .. ':0:' .. reason) end
    return callInParts('HSET', outbox, notes)
  end
  local state = redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large')
  local kind, created = string.match(state[1], '"kind":"(%u)'), string.match(state[1], '"createdAt":(%d+)')
  local note = table.concat({ version, 1, kind, state[2] == 'null' and created or state[2], state[3],
    read or state[3], state[4] and 'l' or '-', '' }, ':')
  for index, user in ipairs(users) do
    -- A direct conversation is made with both of its members.
    addPair(notes, user, note .. (kind == 'D' and users[3 - index] or ''))
  end
  callInParts('HSET', outbox, notes)
end

-- A conversation of more than `most` members is large for good, and so are its entries in the lists of those who are in it.
local function noteSize(meta, members, outbox, most)
  if tonumber(redis.call('HGET', meta, 'members')) <= tonumber(most) then return end
  if redis.call('HSETNX', meta, 'large', 1) == 1 then
    noteMemberships(meta, outbox, redis.call('HKEYS', members), 1, 0)
  end
end

-- Notes that are not in the indexes yet: user, note, user, note, … At most `UNSETTLED` and as many as `just` were noted.
local function unsettled(outbox, just)
  return redis.call('HRANDFIELD', outbox, UNSETTLED + (just or 0), 'WITHVALUES')
end

-- The data of a conversation for the lists of these members; without any, for all, unless it is large.
-- {kind, activity, sequence, "1" | "0" (large), unsettled, name as JSON, version, both members of a DIRECT, user, member, …} | {}
local function factsForLists(meta, members, outbox, users)
  local state = redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large', 'name', 'version')
  if not state[1] then return {} end
  local kind, created = string.match(state[1], '"kind":"(%u)'), string.match(state[1], '"createdAt":(%d+)')
  local facts = { kind, state[2] == 'null' and created or state[2], state[3], state[4] or '0', unsettled(outbox), state[5], state[6],
    kind == 'D' and redis.call('HKEYS', members) or {} }
  if #users > 0 then
    local values = redis.call('HMGET', members, unpack(users))
    for index, user in ipairs(users) do
      if values[index] then
        facts[#facts + 1] = user
        facts[#facts + 1] = values[index]
      end
    end
  elseif not state[4] then
    for _, each in ipairs(redis.call('HGETALL', members)) do facts[#facts + 1] = each end
  end
  return facts
end

-- Whether a user has a place in a conversation: looked up where the key of the places is here, told otherwise. Behind it, or in
-- its stead, may be that of an outbox.
local function hasPlace(told, places, id)
  if places and string.sub(places, -7) ~= ':events' then return redis.call('ZSCORE', places, id) ~= false end
  return told == '1'
end

-- The value of a member who joins now: unread counts from here, and nothing was read yet.
local function newMember(role, time, ordinal, sequence, place, epoch)
  return table.concat({ role, time, ordinal, sequence, 0, place, epoch }, ':')
end

local function memberRole(value)
  return string.match(value, '^%a+')
end

-- Whether an actor is still what they need to be, and above the member they would remove. Nil: no actor is asked for.
local function mayAct(members, actor, least, removed)
  if not actor then return true end
  local ranks = { MEMBER = 1, MODERATOR = 2, OWNER = 3 }
  local value = redis.call('HGET', members, actor)
  local role = value and memberRole(value)
  if not role or ranks[role] < ranks[least] then return false end
  return not removed or role == 'OWNER' or ranks[role] > ranks[memberRole(removed)]
end

-- Up to where a member has read, and when; 0 for one who joined and read nothing since.
local function memberRead(value)
  local sequence, time = string.match(value, '^%a+:%d+:%d+:(%d+):(%d+)')
  return tonumber(sequence), tonumber(time)
end

local function withRole(value, role)
  return role .. string.match(value, '^%a+(.*)$')
end

local function withRead(value, sequence, time)
  local before, after = string.match(value, '^(%a+:%d+:%d+):%d+:%d+(.*)$')
  return before .. ':' .. sequence .. ':' .. time .. after
end

-- Of an announcement: the trace that brought it about, "" when there is none.
local function traced(trace)
  if trace == '' then return '' end
  return ',"trace":"' .. trace .. '"'
end

-- Puts a change of a message into the log and announces it. `t` is when; older versions note no time.
local function logChange(log, channel, change, sequence, lines, place, epoch, trace)
  redis.call('XADD', log, digits(place) .. '-0', 'c', change, 's', sequence, 'e', epoch, 't', digits(now(0)))
  announce(channel, '{"type":"message","change":"' .. change .. '"' .. traced(trace) .. ',"message":'
    .. messageJson(lines) .. '}')
end

-- Drops what retention no longer keeps: messages, and the log up to where they were sent.
-- `retention` is how many are kept, "0" for all, or an age in milliseconds and the clock's offset: "7776000000:0".
local function trim(meta, messages, log, retention, sequence, place)
  if retention == '0' then return end
  local age, offset = string.match(retention, '^(%d+):(.+)$')
  local count = tonumber(retention)
  local oldest = age and now(offset) - tonumber(age)
  local lastToGo = age and sequence or sequence - count
  local state = redis.call('HMGET', meta, 'first', 'floor')
  local first, floor = tonumber(state[1]), tonumber(state[2])
  local firstBefore, floorBefore = first, floor
  -- At most so many at a time, for when retention was lowered: no call may hold the server for long.
  for _ = 1, age and 1000 or 100 do
    if first > lastToGo then break end
    local value = redis.call('HGET', messages, digits(first))
    if value and oldest and tonumber(string.match(value, '"timestamp":(%d+)')) > oldest then break end
    if value then floor = math.max(floor, tonumber(splitMessage(value)[5])) end
    redis.call('HDEL', messages, digits(first))
    first = first + 1
  end
  if count then floor = math.max(floor, place - 4 * count) end
  if first == firstBefore and floor == floorBefore then return end
  redis.call('XTRIM', log, 'MINID', digits(floor + 1) .. '-0')
  redis.call('HSET', meta, 'first', digits(first), 'floor', digits(floor))
end

-- By age messages go also while nothing is written: what is too old is dropped before anything is read or changed.
local function dropOld(meta, messages, log, retention)
  if not string.find(retention, ':', 1, true) then return end
  local state = redis.call('HMGET', meta, 'sequence', 'place')
  if state[1] then trim(meta, messages, log, retention, tonumber(state[1]), tonumber(state[2])) end
end

-- The outcome of a message that was sent under a key, as an answer; nil: the key is unknown.
-- Stored as what:expiresAt:digest, what being its sequence, or its fate and the id of what came of it elsewhere.
local function earlierSent(idempotency, messages, digest, time)
  local what, expiresAt, earlier = string.match(redis.call('GET', idempotency) or '', '^([^:]+):(%d+):?(.*)$')
  if not what or tonumber(expiresAt) <= time then return nil end
  -- Older versions kept no digest.
  if earlier ~= '' and earlier ~= digest then return { 'conflict' } end
  local fate, id = string.match(what, '^(%u+) ?(.*)$')
  if fate then return { 'diverted', fate, id } end
  local value = redis.call('HGET', messages, what)
  if value then return { 'duplicate', value } end
  return { 'no-longer-kept' }
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

-- A user's presence as it is stored; the reader composes it.
local function presenceJson(presence, userId)
  local fields = redis.call('HGETALL', presence)
  local stored, connections, blocked = {}, {}, {}
  for index = 1, #fields, 2 do
    if string.sub(fields[index], 1, 2) == 'c:' then
      connections[#connections + 1] = fields[index + 1]
    elseif string.sub(fields[index], 1, 2) == 'b:' then
      blocked[#blocked + 1] = string.sub(fields[index], 3)
    else
      stored[fields[index]] = fields[index + 1]
    end
  end
  return '{"userId":' .. cjson.encode(userId) .. ',"version":' .. (stored['version'] or '0') .. ',"status":"' .. (stored['status'] or 'ONLINE') .. '","statusText":'
    .. (stored['text'] or 'null') .. ',"lastSeenAt":' .. (stored['seen'] or 'null')
    .. ',"shownSince":' .. (stored['shown'] or 'null') .. ',"connections":['
    .. table.concat(connections, ',') .. '],"blocked":' .. listJson(blocked) .. '}'
end

-- Whether others see that a user is there.
local function isShown(presence)
  if redis.call('HGET', presence, 'status') == 'OFFLINE' then return false end
  for _, field in ipairs(redis.call('HKEYS', presence)) do
    if string.sub(field, 1, 2) == 'c:' then return true end
  end
  return false
end

-- Ends a change of a presence: one of who was shown before it or is now is noted as a sight of them, and announced.
-- Of who hides nothing moves.
local function endPresenceChange(presence, channel, userId, wasShown, time)
  if not wasShown and not isShown(presence) then return presenceJson(presence, userId) end
  redis.call('HSET', presence, 'seen', time, 'version', after(redis.call('HGET', presence, 'version') or nil))
  local json = presenceJson(presence, userId)
  announce(channel, '{"type":"presence","presence":' .. json .. '}')
  return json
end

local WRITTEN = '"deletedAt":null,"editedAt":null,"content":"'
local STREAMING = ',"state":"STREAMING"'

-- The state of a message being written is stored as length:appendedAt:freeAt:isStopped:isHeld:sequenceOfTarget:writer.
local function streamFields(value)
  return string.match(value, '^(%d+):(%d+):(%d+):(%d):(%d):(%d+):(.*)$')
end

-- The value of these fields, each of them text.
local function streamValue(length, at, free, stopped, held, target, writer)
  return length .. ':' .. at .. ':' .. free .. ':' .. stopped .. ':' .. held .. ':' .. target .. ':' .. writer
end

-- The same as a table; nil: it is not being written.
local function streamAt(streams, sequence)
  local value = redis.call('HGET', streams, sequence)
  if not value then return nil end
  local length, at, free, stopped, held, target, writer = streamFields(value)
  return {
    length = tonumber(length), at = tonumber(at), free = tonumber(free), isStopped = stopped == '1', isHeld = held == '1',
    target = target, writer = writer,
  }
end

local function keepStream(streams, sequence, stream)
  redis.call('HSET', streams, sequence, streamValue(
    digits(stream.length), digits(stream.at), digits(stream.free), stream.isStopped and '1' or '0',
    stream.isHeld and '1' or '0', stream.target, stream.writer))
end

-- The member for whom a writer writes: the sender, behind whom a service is named that writes for them.
local function memberOf(writer)
  return string.match(writer, '^[^ ]+')
end

local function partField(sequence, index)
  return sequence .. '/' .. digits(index)
end

-- The fields of a text's parts; `perPart`: code points of each but the last.
local function partFields(sequence, length, perPart)
  local fields = {}
  for index = 0, math.ceil(length / perPart) - 1 do fields[#fields + 1] = partField(sequence, index) end
  return fields
end

local function writtenText(texts, sequence, length, perPart)
  local fields = partFields(sequence, length, perPart)
  if #fields == 0 then return '' end
  return table.concat(redis.call('HMGET', texts, unpack(fields)))
end

-- Bytes of a stored message, false of none; of one that is being written those of the longest, since its text is elsewhere.
local function weightOf(value)
  if not value then return 0 end
  return string.find(value, STREAMING, 1, true) and 65536 or #value
end

local function isStreaming(lines)
  return string.sub(lines[2], -#STREAMING) == STREAMING
end

-- A message that is being written, with this text.
local function withText(lines, text)
  return { lines[1], WRITTEN .. text .. string.sub(lines[2], #WRITTEN + 1), lines[3], lines[4], lines[5] }
end

-- The same of one that is held: rules may still change its payload as well.
local function withNothing(lines)
  return { lines[1], WRITTEN .. '","payload":null' .. STREAMING, lines[3], lines[4], lines[5] }
end

-- A message as it is shown: one that is being written, with its text so far unless that is held.
local function shown(lines, streams, texts, sequence, perPart)
  if not isStreaming(lines) then return lines end
  local stream = streamAt(streams, sequence)
  if not stream then return lines end
  if stream.isHeld then return withNothing(lines) end
  return withText(lines, writtenText(texts, sequence, stream.length, perPart))
end

-- The payload of a message that is being written, as JSON.
local function streamedPayload(lines)
  return string.sub(lines[2], #WRITTEN + #'","payload":' + 1, -#STREAMING - 1)
end

local function forgetStream(streams, texts, sequence, length, perPart)
  redis.call('HDEL', streams, sequence)
  local fields = partFields(sequence, length, perPart)
  if #fields > 0 then redis.call('HDEL', texts, unpack(fields)) end
end

-- Ends the writing of a message at the next place of the log. `text` and `payload` are JSON, the text without quotes.
local function endStream(keys, sequence, lines, stream, state, text, payload, nonce, retention, trace, perPart)
  forgetStream(keys.streams, keys.texts, sequence, stream.length, perPart)
  local ending = state == 'COMPLETE' and '' or ',"state":"' .. state .. '"'
  lines[2] = WRITTEN .. text .. '","payload":' .. payload .. ending
  local position, place, epoch = advance(keys.meta, nonce)
  lines[4] = position
  local value = table.concat(lines, '\n')
  redis.call('HSET', keys.messages, sequence, value)
  logChange(keys.log, keys.channel, 'FINISHED', sequence, lines, place, epoch, trace)
  trim(keys.meta, keys.messages, keys.log, retention, tonumber(redis.call('HGET', keys.meta, 'sequence')), place)
  return value
end

-- Aborts a message whose writer has been silent for too long. Its value then; nil: the writer is there.
local function abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
  if time - stream.at < tonumber(silenceMs) then return nil end
  -- Held text was not routed, and is not shown without a finish.
  local text = stream.isHeld and '' or writtenText(keys.texts, sequence, stream.length, perPart)
  local payload = stream.isHeld and 'null' or streamedPayload(lines)
  return endStream(keys, sequence, lines, stream, 'ABORTED', text, payload, nonce, retention, '', perPart)
end

-- Whether a writer may begin another message here. What is left of writers who are silent goes first, and takes
-- no room where it is too much to be ended at once. Of the others no message is read: they may have a payload each.
local function hasRoomToWrite(keys, writer, time, silenceMs, mostOfWriter, most, nonce, retention, perPart)
  local all, own, left = 0, 0, READING_BYTES
  for _, sequence in ipairs(redis.call('HKEYS', keys.streams)) do
    local stream = streamAt(keys.streams, sequence)
    if redis.call('HEXISTS', keys.messages, sequence) == 0 then
      forgetStream(keys.streams, keys.texts, sequence, stream.length, perPart)
    elseif time - stream.at >= tonumber(silenceMs) then
      if left > 0 then
        local lines = splitMessage(redis.call('HGET', keys.messages, sequence))
        left = left - #abortSilent(keys, sequence, lines, stream, time, silenceMs, nonce, retention, perPart)
      end
    else
      all = all + 1
      if stream.writer == writer then own = own + 1 end
    end
  end
  return own < tonumber(mostOfWriter) and all < tonumber(most)
end

-- Whether somebody asked lately to stop what replies to a message.
local function isStopWanted(stops, target, time)
  if target == '' then return false end
  return (tonumber(redis.call('ZSCORE', stops, target) or nil) or 0) > time
end

local function announceStop(channel, lines)
  redis.call('SPUBLISH', channel, '{"type":"stop","message":' .. messageJson(lines) .. '}')
end

-- Where the code point of this number begins in JSON text without quotes; its escapes are a backslash and one character.
local function byteOf(text, count)
  local place = 1
  for _ = 1, count do
    local byte = string.byte(text, place)
    if byte == 92 then place = place + 2
    elseif byte < 128 then place = place + 1
    elseif byte < 224 then place = place + 2
    elseif byte < 240 then place = place + 3
    else place = place + 4 end
  end
  return place
end
