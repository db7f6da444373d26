-- Moves one pointer to a greater jid, never back: what the record script does, where a cluster keeps the keys of a return
-- in different slots.
-- KEYS[1]   the pointer `<minion>:<fun>`
-- ARGV[1]   jid
-- ARGV[2]   "1" if it counts as a time jid else "0"
-- ARGV[3]   expiry in Unix seconds ("0": none)
-- ARGV[4]   horizon, see order.lua
-- Result: 0; the error of a key of another type.
-- The usual cases come before the functions that the others need: making these costs 2 µs a call.
local call, sub, find = redis.call, string.sub, string.find
local key, jid, istime, expiry, horizon = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local old = call('GET', key)

local function set()
  if expiry == '0' then call('SET', key, jid) else call('SET', key, jid, 'EXAT', expiry) end
  return 0
end

if not old then return set() end
if old == jid then -- the earliest anchor wins
  if expiry ~= '0' then call('EXPIREAT', key, expiry, 'LT') end
  return 0
end
if istime and #jid == 20 and #old == 20 then
  if old < jid then return set() end -- a custom jid of that length gives way, too
  -- A later time of the same day stays: that needs no calendar.
  if sub(old, 1, 8) == sub(jid, 1, 8) and not find(old, '%D') and old <= horizon and
     sub(old, 9, 10) < '24' and sub(old, 11, 11) < '6' and sub(old, 13, 13) < '6' then
    return 0
  end
end

--include order.lua
if beats(jid, istime, old) then set() end
return 0
