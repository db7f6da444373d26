-- Tells whether a job may be complete, and lets its returns expire, as expire.lua does.
-- KEYS[1]   returnd/job:<jid>
-- KEYS[2]   ret:<jid>; left out on a cluster, where it may lie on another server
-- ARGV[1]   expiry of the returns in Unix seconds ("0": none)
-- Result: 0 if the job is not complete, or that was announced. Otherwise the number of expected minions, that of returns
-- (on a cluster the first alone), and 1 if all expected minions are known to be among those that have returned. Without
-- the 1, that is still to be found out.
local small = 64 -- minions are looked for at once: 30 µs

local function size(key)
  local n = redis.pcall('HLEN', key)
  if type(n) == 'number' then return n end
  if string.sub(n.err or '', 1, 9) ~= 'WRONGTYPE' then error(n) end
  return 0 -- a stranger's
end

-- absent tells whether an expected minion of a small job has not returned: nil if it does not know.
local function absent()
  local page = redis.call('HSCAN', KEYS[1], '0', 'MATCH', 'minion:*', 'COUNT', 1000)
  if page[1] ~= '0' then return nil end
  for i = 1, #page[2], 2 do
    if redis.call('HEXISTS', KEYS[2], string.sub(page[2][i], 8)) == 0 then return true end
  end
  return false
end

local returned = KEYS[2] and size(KEYS[2]) or math.huge
if returned == 0 then return 0 end
if KEYS[2] and ARGV[1] ~= '0' then redis.call('EXPIREAT', KEYS[2], ARGV[1], 'LT') end
local fields = size(KEYS[1])
if fields == 0 or fields - #own > returned then return 0 end -- the usual cases, told by the shortest way
local expected, announced = known(KEYS[1], fields)
if expected <= announced or expected > returned then return 0 end
if not KEYS[2] then return {expected} end
if expected <= small then
  local missing = absent()
  if missing then return 0 end
  if missing == false then return {expected, returned, 1} end
end
return {expected, returned}
