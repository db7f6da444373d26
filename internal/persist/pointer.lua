-- Moves one pointer to a greater jid, never back: what the record script does, where a cluster keeps the keys of a return
-- in different slots.
-- KEYS[1]   the pointer `<minion>:<fun>`
-- ARGV[1]   jid
-- ARGV[2]   "1" if it counts as a time jid else "0"
-- ARGV[3]   expiry in Unix seconds ("0": none)
-- ARGV[4]   horizon, see order.lua
-- Result: 0; the error of a key of another type.
-- The usual cases come before the functions that the others need: making these costs 2 µs a call.
local call, key, jid, istime, expiry = redis.call, KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3]
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
if istime and #jid == 20 and #old == 20 and old < jid then return set() end -- a custom jid of that length gives way, too

local horizon = ARGV[4]
--include order.lua
if beats(jid, istime, old) then set() end
return 0
