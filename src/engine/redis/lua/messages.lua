-- Messages as they are stored. Used by scripts that name its functions.
--
-- Scripts work on a message as five lines of JSON (JSON text never holds a raw control character):
--   1 what never changes   "id":"…","conversationId":"…","sequence":1,…
--   2 what an edit changes "content":"…","payload":…,"editedAt":…,"deletedAt":…
--   3 its reactions        [{"emoji":"…","userIds":["…"]}]
--   4 where it last changed  {"epoch":"…","place":7}
--   5 the place at which it was sent
--
-- It is stored in a field of the `messages` hash, named by its sequence: as these lines; or, where the data have the
-- compact form (`schema.ts`) and nothing but sending happened to it, as a record after a head:
--   head    key of the conversation ␂ its id as JSON ␂ epoch
--   record  nonce, timestamp ␂ senderId ␂ clientMessageId ("" null) ␂ "replyToId" and what follows ("" null) ␂ content ␂
--           payload ("" null) ␂ place; texts are JSON without quotes
-- A head and its record are separated by ␁. Of these, all but the last messages are stored together: field `b<n>` is
-- the block of the sequences 14n + 1 to 14n + 14, with one head and fourteen records; "" for one that is not in it.
-- A change of a message dissolves its block, so that nothing of what it replaces stays.

-- A block of messages of 200 characters fits into 4 KiB, a size of the allocator.
local PER_BLOCK = 14

local function splitMessage(value)
  local lines = {}
  for line in string.gmatch(value, '[^\n]+') do lines[#lines + 1] = line end
  return lines
end

-- Whether a message is that of this id.
local function isMessage(value, id)
  return value and string.sub(value, 1, #id + 7) == '"id":"' .. id .. '"'
end

local function messageJson(lines)
  return '{' .. lines[1] .. ',' .. lines[2] .. ',"reactions":' .. lines[3] .. ',"position":' .. lines[4] .. '}'
end

-- The lines of a message as it was sent. `more`, `client` and `payload` are as in a record, numbers are digits.
local function linesOf(key, conversation, epoch, sequence, nonce, timestamp, sender, client, more, content, payload, place)
  return {
    '"id":"' .. key .. '.' .. sequence .. '.' .. nonce .. '","sequence":' .. sequence .. ',"timestamp":' .. timestamp
      .. ',"conversationId":' .. conversation .. ',"senderId":"' .. sender .. '","clientMessageId":'
      .. (client == '' and 'null' or '"' .. client .. '"') .. ',"replyToId":' .. (more == '' and 'null' or more),
    '"deletedAt":null,"editedAt":null,"content":"' .. content .. '","payload":' .. (payload == '' and 'null' or payload),
    '[]', '{"epoch":"' .. epoch .. '","place":' .. place .. '}', place,
  }
end

-- The message of a record.
local function expanded(head, record, sequence)
  local key, conversation, epoch = string.match(head, '^([^\2]*)\2([^\2]*)\2(.*)$')
  local nonce, timestamp, sender, client, more, content, payload, place = string.match(record,
    '^(........)(%d+)\2([^\2]*)\2([^\2]*)\2([^\2]*)\2([^\2]*)\2([^\2]*)\2(%d+)$')
  return table.concat(linesOf(key, conversation, epoch, sequence, nonce, timestamp, sender, client, more, content,
    payload, place), '\n')
end

-- Splits at ␁: a head, and one record or those of a block.
local function splitRecords(value)
  local parts, from = {}, 1
  while true do
    local at = string.find(value, '\1', from, true)
    parts[#parts + 1] = string.sub(value, from, (at or 0) - 1)
    if not at then return parts end
    from = at + 1
  end
end

-- A stored value, not of a block, as a message.
local function wholeMessage(value, sequence)
  if string.byte(value) == 34 then return value end
  local head, record = unpack(splitRecords(value))
  return expanded(head, record, sequence)
end

-- The blocks read in this run: their head and records; false for none.
local BLOCKS = {}

local function blockOf(sequence)
  return math.floor((tonumber(sequence) - 1) / PER_BLOCK)
end

local function blockAt(messages, number)
  local name = messages .. number
  if BLOCKS[name] == nil then
    local value = redis.call('HGET', messages, 'b' .. number)
    BLOCKS[name] = value and splitRecords(value)
  end
  return BLOCKS[name]
end

-- A message in a block; false for none.
local function messageInBlock(messages, sequence)
  local number = blockOf(sequence)
  local block = blockAt(messages, number)
  local record = block and block[tonumber(sequence) - number * PER_BLOCK + 1]
  return record and record ~= '' and expanded(block[1], record, sequence)
end

-- The message of a sequence; false for none.
local function messageAt(messages, sequence)
  local value = redis.call('HGET', messages, sequence)
  if value then return wholeMessage(value, sequence) end
  return messageInBlock(messages, sequence)
end

-- Stores a block's messages in fields of their own. Done before one of them is changed or dropped.
local function dissolveBlock(messages, sequence)
  local number = blockOf(sequence)
  local block = blockAt(messages, number)
  if not block then return end
  for index = 2, #block do
    if block[index] ~= '' then
      redis.call('HSET', messages, number * PER_BLOCK + index - 1, block[1] .. '\1' .. block[index])
    end
  end
  redis.call('HDEL', messages, 'b' .. number)
  BLOCKS[messages .. number] = false
end

-- Stores messages together that were sent before the last fourteen, once for each fourteen. Those that were changed, and
-- those of another epoch, stay alone.
local function foldBlock(messages, sequence)
  if sequence % PER_BLOCK ~= 0 then return end
  local number = sequence / PER_BLOCK - 2
  local fields, folded, head = {}, {}, nil
  for index = 1, PER_BLOCK do fields[index] = digits(number * PER_BLOCK + index) end
  local values = redis.call('HMGET', messages, unpack(fields))
  for index, value in ipairs(values) do
    local own, record = '', ''
    if value and string.byte(value) ~= 34 then own, record = unpack(splitRecords(value)) end
    head = head or own ~= '' and own or nil
    values[index] = own == head and record or ''
    if own == head then folded[#folded + 1] = fields[index] end
  end
  if #folded < 2 then return end
  redis.call('HSET', messages, 'b' .. number, head .. '\1' .. table.concat(values, '\1'))
  redis.call('HDEL', messages, unpack(folded))
end

-- An entry of the log: change, sequence, epoch, time; "" for what follows from the lineage and the message.
local function entryFields(entry)
  local fields = entry[2]
  if fields[1] == 's' then return 'SENT', fields[2], '', '' end
  return fields[2], fields[4], fields[6], fields[8] or ''
end

-- The announcement of a change of a message.
local function announceChange(channel, change, lines, trace)
  announce(channel, '{"type":"message","change":"' .. change .. '"' .. traced(trace) .. ',"message":{' .. lines[1] .. ','
    .. lines[2] .. ',"reactions":' .. lines[3] .. ',"position":' .. lines[4] .. '}}')
end

-- Adds a change of a message to the log and announces it. `t` is the time; older versions store none. In the compact form
-- `append-message` stores only the sequence of a sent message.
local function logChange(log, channel, change, sequence, lines, place, epoch, trace)
  redis.call('XADD', log, digits(place) .. '-0', 'c', change, 's', sequence, 'e', epoch, 't', digits(now(0)))
  announceChange(channel, change, lines, trace)
end

-- Drops messages that retention no longer keeps, and the log up to where they were sent. `retention` is a number of
-- messages, "0" for all, or an age in milliseconds and the clock's offset: "7776000000:0".
local function trim(meta, messages, log, retention, sequence, place)
  if retention == '0' then return end
  local age, offset = string.match(retention, '^(%d+):(.+)$')
  local count = tonumber(retention)
  local oldest = age and now(offset) - tonumber(age)
  local lastToGo = age and sequence or sequence - count
  local state = redis.call('HMGET', meta, 'first', 'floor')
  local first, floor = tonumber(state[1]), tonumber(state[2])
  local firstBefore, floorBefore = first, floor
  -- At most this many at a time, since after retention was lowered a call must not block the server for long.
  for _ = 1, age and 1000 or 100 do
    if first > lastToGo then break end
    local value = messageAt(messages, digits(first))
    if value and oldest and tonumber(string.match(value, '"timestamp":(%d+)')) > oldest then break end
    if value then floor = math.max(floor, tonumber(splitMessage(value)[5])) end
    dissolveBlock(messages, first)
    redis.call('HDEL', messages, digits(first))
    first = first + 1
  end
  if count then floor = math.max(floor, place - 4 * count) end
  if first == firstBefore and floor == floorBefore then return end
  redis.call('XTRIM', log, 'MINID', digits(floor + 1) .. '-0')
  redis.call('HSET', meta, 'first', digits(first), 'floor', digits(floor))
end

-- With retention by age messages also expire while nothing is written, so they are dropped before a read or change.
local function dropOld(meta, messages, log, retention)
  if not string.find(retention, ':', 1, true) then return end
  local state = redis.call('HMGET', meta, 'sequence', 'place')
  if state[1] then trim(meta, messages, log, retention, tonumber(state[1]), tonumber(state[2])) end
end
