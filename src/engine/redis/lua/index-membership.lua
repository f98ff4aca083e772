-- Applies changes of membership to their users' lists and logs and announces them, unless a list has the change or a
-- later one. A new membership of a user whom no node follows waits in the list until it is opened.
-- KEYS  of each: the list (`openList` in waiting-notes.lua) mark channel
-- ARGV  "1" | "0" (whether a change may wait), then of each: conversationId note (`noteMemberships` in members.lua) nonce
-- Answers 1 for each, or 0 when it changed nothing
local KEYS_OF_EACH = LIST_KEYS + 2

local channels = {}
for at = KEYS_OF_EACH, #KEYS, KEYS_OF_EACH do channels[#channels + 1] = KEYS[at] end
local unheard = ARGV[1] == '1' and unheardOf(channels) or {}

local function index(at, id, note, nonce)
  local waiting, mark, channel = KEYS[at], KEYS[at + LIST_KEYS], KEYS[at + LIST_KEYS + 1]
  if unheard[channel] and mayWait(note) then
    local count = letWait(waiting, id, note, nonce)
    moveMark(mark)
    if count > WAITING then applyOldest(KEYS, at) end
    return 1
  end
  local list = openList(KEYS, at)
  local opened = openUserLog(list, nonce, true)
  if not applyMembership(list, opened, id, note) then return 0 end
  keepUserLog(list, opened)
  local isMember = string.find(note, '^%d+:1') and 'true' or 'false'
  announceMarked(mark, channel, '{"type":"membership","conversationId":' .. cjson.encode(id) .. ',"isMember":' .. isMember .. '}')
  return 1
end

local answer = {}
for nth = 1, #channels do
  answer[nth] = index((nth - 1) * KEYS_OF_EACH + 1, unpack(ARGV, 3 * nth - 1, 3 * nth + 1))
end
return answer
