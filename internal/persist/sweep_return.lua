-- Removes old jobs' returns that have no load, and gives returns an expiry that have none. What is looked at and what is
-- done are one step, so that a load that is written meanwhile is seen.
-- KEYS[1..n]      ret:<jid>, or another hash of a job's that only wants an expiry
-- KEYS[n+1..2n]   their load:<jid>; absent in a cluster, where the caller has asked for it just before
-- ARGV[1]         n
-- ARGV[2]         "1": only tell, change nothing
-- ARGV[3]         milliseconds: what expires by itself within them is left to do so
-- ARGV[4..]       for each: "-" remove; seconds: its expiry if it has none; the same behind "?": only if it holds a
--                 return of the job, because its name alone proves nothing; "0": nothing
-- Result: the verdict on each.
local n, dry, late = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])

local function remove(key)
  local ttl = call('PTTL', key)
  if ttl >= 0 and ttl <= late then return EXPIRING end
  if not dry then call('UNLINK', key) end
  return REMOVED
end

-- ours tells whether one of the hash's values is an object that names the jid.
local function ours(key)
  local value = call('HRANDFIELD', key, 1, 'WITHVALUES')[2]
  return value and sub(value, 1, 1) == '{' and find(value, sub(key, 5), 1, true)
end

local function mend(key, plan)
  if sub(plan, 1, 1) == '?' then
    if not ours(key) then return FOREIGN end
    plan = sub(plan, 2)
  end
  if plan == '0' then return STAYS end
  if not dry then call('EXPIREAT', key, plan, 'LT') end
  return MENDED
end

local function judge(key, load, plan)
  if plan == '-' and load and call('EXISTS', load) == 1 then return LOAD end
  local kind = call('TYPE', key).ok
  if kind == 'none' then return GONE end
  if kind ~= 'hash' then return FOREIGN end
  if plan == '-' then return remove(key) end
  if call('PTTL', key) >= 0 then return STAYS end
  return mend(key, plan)
end

local verdicts = {}
for i = 1, n do verdicts[i] = judge(KEYS[i], KEYS[n + i], ARGV[3 + i]) end
return verdicts
