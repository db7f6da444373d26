-- Puts one minion's jobs at the top of its history, none twice: what the record script does, where a cluster keeps the
-- pointers, which prove that a list does not hold a job, in other slots.
-- KEYS[1]   returnd/history:<minion>
-- ARGV[1]   length from which the history is full
-- ARGV[2], ARGV[3]   length above which it is cut, index of the last entry kept then
-- ARGV[4..]   for each job, in the order of arrival: entry (jid TAB function), expiry in Unix seconds ("0": none)
-- Result: 0; the error of a key of another type.
-- A list whose head has a jid of 20 digits holds no greater one of these: what is not greater goes below the head. So a
-- greater one is new to the list. All others are looked for: 6 µs.
local call, match = redis.call, string.match
local key, limit = KEYS[1], tonumber(ARGV[1])
local head = call('LINDEX', key, 0)
local created = not head

-- numeric is an entry's jid if it is one of 20 digits, whose order is the same in every locale.
local function numeric(entry)
  local jid = match(entry, '^(%d+)\t')
  return jid and #jid == 20 and jid
end
local greatest = head and numeric(head)

-- outlived tells that the list's last entry is of a later job.
local function outlived(entry)
--include order.lua
  local function jidof(e) return match(e, '^[^\t]*') end
  return before(jidof(entry), jidof(call('LINDEX', key, -1)))
end

-- put gives the length of the list, or nothing where the list holds the entry. An old one that comes again must not push
-- a later one out of a full list: it is taken back.
local function put(entry)
  local jid = numeric(entry)
  local new = not head or jid and (not greatest or greatest < jid)
  if not new and (entry == head or call('LPOS', key, entry)) then return end
  if not new and greatest and greatest ~= jid then
    local length = call('LINSERT', key, 'AFTER', head, entry)
    if length <= limit or not outlived(entry) then return length end
    call('LREM', key, 1, entry)
    return
  end
  local length = call('LPUSH', key, entry)
  if not new and length > limit and outlived(entry) then
    call('LPOP', key)
    return
  end
  head, greatest = entry, jid
  return length
end

local length, expiry
for at = 4, #ARGV, 2 do
  local now = put(ARGV[at])
  if now then
    local e = ARGV[at + 1]
    length = now
    if not expiry or e == '0' or expiry ~= '0' and tonumber(expiry) < tonumber(e) then expiry = e end
  end
end
if not length then return 0 end

if length > tonumber(ARGV[2]) then call('LTRIM', key, 0, ARGV[3]) end
-- The list expires with its newest job: GT never shortens, and has nothing to compare with in a new list; NX is for a
-- list from a time when all was kept for ever.
if expiry == '0' then
  if not created then call('PERSIST', key) end
elseif created then
  call('EXPIREAT', key, expiry)
elseif call('EXPIREAT', key, expiry, 'GT') == 0 then
  call('EXPIREAT', key, expiry, 'NX')
end
return 0
