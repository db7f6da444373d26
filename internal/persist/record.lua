-- Moves pointers `<minion>:<fun>` to greater jids, never back, and puts jobs at the head of histories, none twice.
-- KEYS[2i-1], KEYS[2i]   a return's pointer key and its minion's history list; both the same where it has no pointer
-- ARGV[1]   the stored jids' horizon: a time jid later than this counts as custom (20 digits)
-- ARGV[2], ARGV[3]   length above which a list is cut, index of the last entry kept then
-- ARGV[4]   length from which a list is full
-- ARGV[5..]   for each group of returns of one job and function, in the order of the keys: number of returns, jid,
--             "1" if it counts as a time jid else "0", expiry in Unix seconds ("0": none), entry (jid TAB function),
--             "1" if the job is late else "0"
-- Result: a flat list of number of the return (from 1), error text for the keys that could not be written.
-- Order: a time jid beats a custom one, otherwise bytewise (Lua's own < follows the server's locale).
-- A time jid greater than the pointer's cannot be in the history: whatever put it there has moved the pointer too, in
-- one script, and the pointer lives as long as its job. For all others, and for late jobs, the list is looked at: 6 µs.
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

local failed = {}

local function note(i, reply)
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1] = i
    failed[#failed + 1] = reply.err
  end
end

-- push puts an entry at the head of a list. A list expires with its newest job: GT never shortens, and has nothing to
-- compare with in a new list.
local longest, last = tonumber(ARGV[2]), ARGV[3]
local function push(key, entry, expiry)
  local length = pcall('LPUSH', key, entry)
  if type(length) ~= 'number' then return length end
  local cut = length > longest and pcall('LTRIM', key, 0, last)
  if type(cut) == 'table' and cut.err then return cut end
  if expiry == '0' then return length > 1 and pcall('PERSIST', key) end
  if length == 1 then return pcall('EXPIREAT', key, expiry) end
  local longer = pcall('EXPIREAT', key, expiry, 'GT')
  if longer ~= 0 then return longer end
  return pcall('EXPIREAT', key, expiry, 'NX') -- a list from a time when all was kept for ever
end

-- outlived tells that a list is full of later jobs: pushed in again, an old one would push a later one out.
local limit = tonumber(ARGV[4])
local function outlived(key, jid)
  if pcall('LLEN', key) < limit then return false end
  local tail = call('LINDEX', key, -1)
  return before(jid, sub(tail, 1, find(tail, '\t', 1, true) - 1))
end

local pointers, first = {}, {} -- the pointer keys; the number at which each comes first
for i = #KEYS / 2, 1, -1 do
  local key = KEYS[2 * i - 1]
  pointers[i], first[key] = key, i
end
local stored = call('MGET', unpack(pointers))
local now, mover = {}, {} -- by that number: the pointer's jid; the return that moved it there, and
local expires = {}        -- the pointer's expiry

-- advance moves a pointer if the jid beats it, and tells whether that proves the history not to hold the jid. Custom
-- jids prove nothing: their order is not that of their expiries.
local function advance(i, jid, istime, expiry)
  local f = first[pointers[i]]
  local old = now[f] or stored[f]
  if not old or (old ~= jid and beats(jid, istime, old)) then
    now[f], mover[f], expires[f] = jid, i, expiry
    return old and istime and digits(old)
  end
  if old == jid and expiry ~= '0' then -- the earliest anchor wins
    if not now[f] then
      note(i, pcall('EXPIREAT', pointers[i], expiry, 'LT'))
    elseif tonumber(expiry) < tonumber(expires[f]) then
      expires[f] = expiry
    end
  end
  return false
end

local i = 0
for at = 5, #ARGV, 6 do
  local jid, istime, expiry, entry, late = ARGV[at + 1], ARGV[at + 2] == '1', ARGV[at + 3], ARGV[at + 4], ARGV[at + 5] == '1'
  for _ = 1, tonumber(ARGV[at]) do
    i = i + 1
    local list = KEYS[2 * i]
    local fresh = pointers[i] ~= list and advance(i, jid, istime, expiry) and not late
    local reply = not fresh and pcall('LPOS', list, entry)
    if not reply and (fresh or not outlived(list, jid)) then reply = push(list, entry, expiry) end
    note(i, reply)
  end
end

for f, number in pairs(mover) do
  local pointer, jid, expiry = pointers[f], now[f], expires[f]
  local reply
  if stored[f] then
    if expiry == '0' then
      reply = pcall('SET', pointer, jid)
    else
      reply = pcall('SET', pointer, jid, 'EXAT', expiry)
    end
  else -- MGET shows no key of another type: NX leaves such a one alone
    if expiry == '0' then
      reply = pcall('SET', pointer, jid, 'NX')
    else
      reply = pcall('SET', pointer, jid, 'EXAT', expiry, 'NX')
    end
    reply = reply or { err = 'WRONGTYPE the pointer key holds another type' }
  end
  note(number, reply)
end
return failed
