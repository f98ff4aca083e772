-- Adds a user's reaction to a message, or removes it.
-- KEYS  meta messages log channel streams texts, then the outbox of events if events are stored
-- ARGV  retention sequence messageId nonce "add" | "remove" userId emoji maxOwn maxEmojis maxReactions
--       traceparent perPart
-- Answers {"changed" | "unchanged", message} | {"not-found"} | {"deleted"} | {"full"}
local meta, messages, log, channel, streams, texts = unpack(KEYS)
local retention, sequence, id, nonce, verb, user, emoji, maxOwn, maxEmojis, maxReactions, trace, perPart =
  unpack(ARGV)
perPart = tonumber(perPart)
dropOld(meta, messages, log, retention)
local value = messageAt(messages, sequence)
if not isMessage(value, id) then return { 'not-found' } end
local lines = splitMessage(value)
if verb == 'add' and string.sub(lines[2], 1, 13) ~= '"deletedAt":n' then return { 'deleted' } end
local reactions = cjson.decode(lines[3])
local total, own, which, where = 0, 0, nil, nil
for index, reaction in ipairs(reactions) do
  total = total + #reaction.userIds
  if reaction.emoji == emoji then which = index end
  for place, each in ipairs(reaction.userIds) do
    if each == user then
      own = own + 1
      if which == index then where = place end
    end
  end
end
if (verb == 'add') == (where ~= nil) then
  return { 'unchanged', table.concat(shown(lines, streams, texts, sequence, perPart), '\n') }
end
if verb == 'add' then
  if own >= tonumber(maxOwn) or total >= tonumber(maxReactions) then return { 'full' } end
  if not which then
    if #reactions >= tonumber(maxEmojis) then return { 'full' } end
    reactions[#reactions + 1] = { emoji = emoji, userIds = {} }
    which = #reactions
  end
  table.insert(reactions[which].userIds, user)
else
  table.remove(reactions[which].userIds, where)
  if #reactions[which].userIds == 0 then table.remove(reactions, which) end
end
lines[3] = listJson(reactions)
dissolveBlock(messages, sequence)
local keys = { meta = meta, messages = messages, log = log, channel = channel, streams = streams, texts = texts }
return { 'changed', storeChange(keys, 'REACTED', sequence, lines, nonce, retention, trace, perPart) }
