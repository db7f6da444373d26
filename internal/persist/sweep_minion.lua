-- Forgets minions that were not heard of for long.
-- KEYS[1]     returnd/seen
-- KEYS[2]     minions, and KEYS[3..] each minion's history; absent in a cluster, where the caller has asked for the
--             histories just before, and takes those that went out of minions
-- ARGV[1]     "1": only tell, change nothing
-- ARGV[2]     the latest score that is forgotten
-- ARGV[3..]   minions
-- Result: the verdict on each.
local function judge(id, history)
  local score = call('ZMSCORE', KEYS[1], id)[1]
  if not score or tonumber(score) > tonumber(ARGV[2]) then return GONE end
  if history and call('EXISTS', history) == 1 then return JOBS end
  if ARGV[1] == '0' then
    call('ZREM', KEYS[1], id)
    if KEYS[2] then call('SREM', KEYS[2], id) end
  end
  return REMOVED
end

local verdicts = {}
for i = 3, #ARGV do verdicts[i - 2] = judge(ARGV[i], KEYS[i]) end
return verdicts
