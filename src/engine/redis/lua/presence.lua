-- The presence of a user. Used by scripts that name its functions.

-- A user's presence as stored; the reader composes it.
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

-- Announces a presence. Without a listener or a consumer it is not composed, since that costs as much as the user has
-- connections; a listener that joins later reads it.
local function announcePresence(presence, channel, userId)
  if unheardOf({ channel })[channel] and not storesEvents() then return end
  announce(channel, '{"type":"presence","presence":' .. presenceJson(presence, userId) .. '}')
end

-- Ends a change of a chosen status. If the user was visible before or is visible now, the change counts as their last
-- activity and is announced. For a hiding user nothing changes.
local function endPresenceChange(presence, channel, userId, wasShown, time)
  if not wasShown and not isShown(presence) then return presenceJson(presence, userId) end
  redis.call('HSET', presence, 'seen', time, 'version', after(redis.call('HGET', presence, 'version') or nil))
  local json = presenceJson(presence, userId)
  announce(channel, '{"type":"presence","presence":' .. json .. '}')
  return json
end
