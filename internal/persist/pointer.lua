-- Moves pointers `<minion>:<fun>` to greater jids, never back.
-- KEYS[i]   a pointer key; no key twice
-- ARGV[1]   the stored jids' horizon: a time jid later than this counts as custom (20 digits)
-- ARGV[3i-1], ARGV[3i], ARGV[3i+1]   jid, "1" if it counts as a time jid else "0", expiry in Unix seconds ("0": none)
-- Result: a flat list of i, error text for the keys that could not be written.
-- Order: a time jid beats a custom one, otherwise bytewise (Lua's own < follows the server's locale).
local byte, sub, find = string.byte, string.sub, string.find

local function before(a, b)
  local n = math.min(#a, #b)
  for i = 1, n do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function timed(jid)
  if not find(jid, '^%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d$') and
     not find(jid, '^%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d_%d+$') then
    return false
  end
  local year, month, day = tonumber(sub(jid, 1, 4)), tonumber(sub(jid, 5, 6)), tonumber(sub(jid, 7, 8))
  local last = days[month]
  if month == 2 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) then last = 29 end
  if year == 0 or not last or day < 1 or day > last then return false end
  if tonumber(sub(jid, 9, 10)) > 23 or tonumber(sub(jid, 11, 12)) > 59 or tonumber(sub(jid, 13, 14)) > 59 then return false end
  return not before(ARGV[1], sub(jid, 1, 20))
end

local function wins(jid, istime, stored)
  local greater = before(stored, jid)
  if istime and greater then return true end
  if timed(stored) ~= istime then return istime end
  return greater
end

local failed = {}
local stored = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  local jid, istime, expiry, old = ARGV[3 * i - 1], ARGV[3 * i] == '1', ARGV[3 * i + 1], stored[i]
  local reply
  if not old then
    -- MGET shows no key of another type: NX leaves such a one alone.
    if expiry == '0' then
      reply = redis.pcall('SET', key, jid, 'NX')
    else
      reply = redis.pcall('SET', key, jid, 'EXAT', expiry, 'NX')
    end
    if not reply then reply = { err = 'WRONGTYPE the pointer key holds another type' } end
  elseif old == jid then
    if expiry ~= '0' then reply = redis.pcall('EXPIREAT', key, expiry, 'LT') end
  elseif wins(jid, istime, old) then
    if expiry == '0' then
      reply = redis.pcall('SET', key, jid)
    else
      reply = redis.pcall('SET', key, jid, 'EXAT', expiry)
    end
  end
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1] = i
    failed[#failed + 1] = reply.err
  end
end
return failed
