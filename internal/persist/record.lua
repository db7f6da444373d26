-- Moves pointers `<minion>:<fun>` to greater jids, never back, and puts jobs at the head of histories, none twice. The
-- returns themselves follow in the same transaction.
-- KEYS[1..g]   ret:<jid> of each group: returns of one job
-- KEYS[g+2i-1], KEYS[g+2i]   a return's pointer key and its minion's history list; both the same where it has no pointer
-- ARGV[1]   horizon, see order.lua
-- ARGV[2], ARGV[3]   length above which a history is cut, index of the last entry kept then
-- ARGV[4]   length from which a history is full
-- ARGV[5]   g, the number of groups
-- ARGV[6..]   for each group: jid, "1" if it counts as a time jid else "0", expiry in Unix seconds ("0": none), "1" if
--             its histories must be searched (the job is late, or its jid is custom; the batch holds one of its returns
--             twice) else "0",
--             number of runs; for each run of returns of one function: their number, entry (jid TAB function)
-- Result: a flat list of number of the return (from 1), error text for the keys that could not be written.
-- A history need not be searched for a return that is new to ret:<jid>, since both are written in one transaction, and
-- live as long. A time jid greater than the pointer's is new by the same reason, and is told without another command.
local call, pcall, horizon = redis.call, redis.pcall, ARGV[1]
--include order.lua

-- outlived tells that a list's last entry is of a later job.
local function outlived(key, jid)
  return before(jid, string.match(call('LINDEX', key, -1), '^[^\t]*'))
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

-- set writes a pointer. MGET shows no key of another type: NX leaves such a one alone.
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

local failed = {}

local function note(i, reply)
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1] = i
    failed[#failed + 1] = reply.err
  end
end

local groups = tonumber(ARGV[5])
local pointers, first = {}, {} -- the pointer keys; the number at which each comes first
for i = (#KEYS - groups) / 2, 1, -1 do
  local key = KEYS[groups + 2 * i - 1]
  pointers[i], first[key] = key, i
end
local stored = call('MGET', unpack(pointers))
local now, expires = {}, {} -- by that number: the jid that the pointer is moved to, and its expiry

-- advance moves a pointer if the jid beats it.
local function advance(i, jid, istime, expiry, greater)
  local f = first[pointers[i]]
  local old = now[f] or stored[f]
  if not old or old ~= jid and (greater and old == stored[f] or beats(jid, istime, old)) then
    now[f], expires[f] = jid, expiry
  elseif old == jid and expiry ~= '0' then -- the earliest anchor wins
    if not now[f] then
      note(i, pcall('EXPIREAT', pointers[i], expiry, 'LT'))
    elseif tonumber(expiry) < tonumber(expires[f]) then
      expires[f] = expiry
    end
  end
end

-- held tells whether a list holds an entry, or the error that keeps it from being told.
local function held(returns, count, list, entry, search)
  local new = not search and (count == 0 or pcall('HEXISTS', returns, sub(list, 17)) == 0) -- behind returnd/history:
  return not new and pcall('LPOS', list, entry)
end

local i, at = 0, 6
for g = 1, groups do
  local returns, jid, istime, expiry, search = KEYS[g], ARGV[at], ARGV[at + 1] == '1', ARGV[at + 2], ARGV[at + 3] == '1'
  local plain = istime and digits(jid)
  local count = pcall('HLEN', returns)
  local foreign = type(count) == 'table' -- what cannot be stored is not noted
  for _ = 1, tonumber(ARGV[at + 4]) do
    local entry = ARGV[at + 6]
    for _ = 1, tonumber(ARGV[at + 5]) do
      i = i + 1
      if foreign then
        note(i, count)
      else
        -- A time jid that is greater than the pointer's was not in the history before. What the pointer has been moved to
        -- by the same call proves nothing, nor do custom jids: their order is not that of their expiries.
        local list, old = KEYS[groups + 2 * i], stored[i]
        local greater = plain and old and digits(old) and old < jid
        if pointers[i] ~= list then advance(i, jid, istime, expiry, greater) end
        local fresh = greater and not search
        note(i, not fresh and held(returns, count, list, entry, search) or push(list, jid, entry, expiry, fresh))
      end
    end
    at = at + 2
  end
  at = at + 5
end

for f, jid in pairs(now) do
  local reply = set(pointers[f], jid, expires[f], stored[f])
  if type(reply) == 'table' and reply.err then
    for k = f, i do
      if first[pointers[k]] == f then note(k, reply) end
    end
  end
end
return failed
