-- Removes old loads that would never expire, and gives an expiry to younger ones.
-- KEYS      load:<jid>
-- ARGV[1]   "1": only tell, change nothing
-- ARGV[2..] for each: "-" remove if it has no expiry; seconds: its expiry if it has none; "0": nothing. Behind "?" all
--           that holds only for what begins as a load does, because its name alone proves nothing
-- Result: for each the verdict and the milliseconds it had left (-1: no expiry).
local dry = ARGV[1] == '1'

local function mend(key, plan)
  if plan == '-' then
    if not dry then call('UNLINK', key) end
    return REMOVED
  end
  if not dry then call('EXPIREAT', key, plan, 'LT') end
  return MENDED
end

local function judge(key, plan)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return GONE, -2 end
  if kind ~= 'string' then return FOREIGN, -2 end
  if sub(plan, 1, 1) == '?' then
    if call('GETRANGE', key, 0, 0) ~= '{' then return FOREIGN, -2 end
    plan = sub(plan, 2)
  end
  local ttl = call('PTTL', key)
  if plan == '0' or ttl >= 0 then return STAYS, ttl end
  return mend(key, plan), ttl
end

local answers = {}
for i, key in ipairs(KEYS) do answers[2 * i - 1], answers[2 * i] = judge(key, ARGV[1 + i]) end
return answers
