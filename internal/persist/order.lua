-- What the scripts over pointers and histories share; each of them has this in front.
-- ARGV[1]   the stored jids' horizon: a time jid later than this counts as custom (20 digits)
-- ARGV[2], ARGV[3]   length above which a history is cut, index of the last entry kept then
-- ARGV[4]   length from which a history is full
-- Order: a time jid beats a custom one, otherwise bytewise (Lua's own < follows the server's locale).
local call, pcall, byte, sub, find = redis.call, redis.pcall, string.byte, string.sub, string.find

local function digits(jid) return #jid == 20 and not find(jid, '%D') end

local function before(a, b)
  if digits(a) and digits(b) then return a < b end -- every locale has the digits in their order
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

local function beats(jid, istime, stored)
  local greater = before(stored, jid)
  if istime and greater then return true end
  if timed(stored) ~= istime then return istime end
  return greater
end

-- outlived tells that a list's last entry is of a later job.
local function outlived(key, jid)
  local tail = call('LINDEX', key, -1)
  return before(jid, sub(tail, 1, find(tail, '\t', 1, true) - 1))
end

-- push puts an entry at the head of a list. An old one that comes again must not push a later one out of a full list:
-- it is taken back, unless it is fresh. A list expires with its newest job: GT never shortens, and has nothing to
-- compare with in a new list.
local longest, last, limit = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local function push(key, jid, entry, expiry, fresh)
  local length = pcall('LPUSH', key, entry)
  if type(length) ~= 'number' then return length end
  if length > limit then
    if not fresh and outlived(key, jid) then return pcall('LPOP', key) end
    local cut = length > longest and pcall('LTRIM', key, 0, last)
    if type(cut) == 'table' and cut.err then return cut end
  end
  if expiry == '0' then return length > 1 and pcall('PERSIST', key) end
  if length == 1 then return pcall('EXPIREAT', key, expiry) end
  local longer = pcall('EXPIREAT', key, expiry, 'GT')
  if longer ~= 0 then return longer end
  return pcall('EXPIREAT', key, expiry, 'NX') -- a list from a time when all was kept for ever
end

-- set writes a pointer. MGET and GET show no key of another type: NX leaves such a one alone.
local function set(key, jid, expiry, existed)
  local reply
  if existed then
    if expiry == '0' then return pcall('SET', key, jid) end
    return pcall('SET', key, jid, 'EXAT', expiry)
  end
  if expiry == '0' then
    reply = pcall('SET', key, jid, 'NX')
  else
    reply = pcall('SET', key, jid, 'EXAT', expiry, 'NX')
  end
  return reply or { err = 'WRONGTYPE the pointer key holds another type' }
end
