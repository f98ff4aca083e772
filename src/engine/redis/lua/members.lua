-- Members of a conversation, and the notes about changes of members for the lists of users. Used by scripts that name its functions.
--
-- A member is one field of the `members` hash, named by the user:
--   role:joinedAt:ordinal:readSequence:readAt:joinedPlace:joinedEpoch

-- Notes a change of members for these users' lists, which are in other slots:
--   who left    version:0:reason
--   who joined  version:1:kind:activity:sequence:readSequence:flag:peer
-- reason is L(eft), R(emoved) or D(eleted); kind is a letter; flag "l" says that the conversation is large, "-" that it
-- is not; peer is the other user of a direct conversation. The flags "L" and "a" mean the same after a failover: the
-- list may be ahead, and the entry is set back to the note.
local function noteMemberships(meta, notes, users, isMember, read, reason)
  local version = after(redis.call('HGET', meta, 'memberships') or nil)
  redis.call('HSET', meta, 'memberships', version)
  local made = {}
  if isMember == 0 then
    for _, user in ipairs(users) do addPair(made, user, version .. ':0:' .. reason) end
    return callInParts('HSET', notes, made)
  end
  local state = redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large')
  local kind, created = string.match(state[1], '"kind":"(%u)'), string.match(state[1], '"createdAt":(%d+)')
  local note = table.concat({ version, 1, kind, state[2] == 'null' and created or state[2], state[3],
    read or state[3], state[4] and 'l' or '-', '' }, ':')
  for index, user in ipairs(users) do
    -- A direct conversation is created with both of its members.
    addPair(made, user, note .. (kind == 'D' and users[3 - index] or ''))
  end
  callInParts('HSET', notes, made)
end

-- A conversation of more than `most` members becomes large for ever, and so do its entries in the members' lists.
local function noteSize(meta, members, notes, most)
  if tonumber(redis.call('HGET', meta, 'members')) <= tonumber(most) then return end
  if redis.call('HSETNX', meta, 'large', 1) == 1 then
    noteMemberships(meta, notes, redis.call('HKEYS', members), 1, 0)
  end
end

-- Notes that are not in the lists yet: user, note, user, note, … At most `UNAPPLIED`, plus the `just` new ones.
local function unapplied(notes, just)
  return redis.call('HRANDFIELD', notes, UNAPPLIED + (just or 0), 'WITHVALUES')
end

local function readSequence(member)
  return string.match(member, '^[^:]+:%d+:%d+:(%d+)')
end

-- The data of a conversation for the lists of these members; without any, for all, unless it is large.
-- {kind, activity, sequence, "1" | "0" (large), unapplied, name as JSON, version, both members of a DIRECT, user,
-- readSequence, …} | {}
local function factsForLists(meta, members, notes, users)
  local state = redis.call('HMGET', meta, 'head', 'activity', 'sequence', 'large', 'name', 'version')
  if not state[1] then return {} end
  local kind, created = string.match(state[1], '"kind":"(%u)'), string.match(state[1], '"createdAt":(%d+)')
  local facts = { kind, state[2] == 'null' and created or state[2], state[3], state[4] or '0', unapplied(notes), state[5], state[6],
    kind == 'D' and redis.call('HKEYS', members) or {} }
  if #users > 0 then
    local values = redis.call('HMGET', members, unpack(users))
    for index, user in ipairs(users) do
      if values[index] then addPair(facts, user, readSequence(values[index])) end
    end
  elseif not state[4] then
    local all = redis.call('HGETALL', members)
    for at = 1, #all, 2 do addPair(facts, all[at], readSequence(all[at + 1])) end
  end
  return facts
end

-- Whether a user has a reservation for a conversation (membership-quota.ts): looked up if `reservations` is the key of the
-- user's reservations on this server, else `isReserved`.
-- `reservations` may also be the key of an outbox of events.
local function hasReservation(isReserved, reservations, id)
  if reservations and string.sub(reservations, -7) ~= ':events' then return redis.call('ZSCORE', reservations, id) ~= false end
  return isReserved == '1'
end

-- The value of a member who joins now: unread messages count from here, and nothing was read yet.
local function newMember(role, time, ordinal, sequence, place, epoch)
  return table.concat({ role, time, ordinal, sequence, 0, place, epoch }, ':')
end

local function memberRole(value)
  return string.match(value, '^[^:]+')
end

-- The rank of a role. One that only a newer version knows has the least.
local function rankOf(role)
  local ranks = { MEMBER = 1, MODERATOR = 2, OWNER = 3 }
  return ranks[role] or 1
end

-- Whether an actor still has the needed role, and ranks above the member they want to remove. `actor` nil: no check.
local function mayAct(members, actor, least, removed)
  if not actor then return true end
  local value = redis.call('HGET', members, actor)
  local role = value and memberRole(value)
  if not role or rankOf(role) < rankOf(least) then return false end
  return not removed or role == 'OWNER' or rankOf(role) > rankOf(memberRole(removed))
end

-- A member's read position and its time; 0 for one who has read nothing since joining.
local function memberRead(value)
  local sequence, time = string.match(value, '^[^:]+:%d+:%d+:(%d+):(%d+)')
  return tonumber(sequence), tonumber(time)
end

local function withRole(value, role)
  return role .. string.match(value, '^[^:]+(.*)$')
end

local function withRead(value, sequence, time)
  local before, after = string.match(value, '^([^:]+:%d+:%d+):%d+:%d+(.*)$')
  return before .. ':' .. sequence .. ':' .. time .. after
end
