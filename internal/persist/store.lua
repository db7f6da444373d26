-- Stores returns of one job and function, and puts the job at the head of each minion's history, once.
-- KEYS[1]      ret:<jid>
-- KEYS[2..]    the minions' history lists, in the order of the returns
-- ARGV[1]      expiry in Unix seconds ("0": none)
-- ARGV[2]      "1": the lists may hold the job although its returns are gone
-- ARGV[3], [4] length above which a list is cut, index of the last entry kept then
-- ARGV[5]      the entry: jid TAB function
-- ARGV[6..]    minion, return, minion, return, …
-- Result: the number of returns that were not there before, then index (from 1) and error text of each list that could
-- not be written.
-- Where all returns are new, the entries are too: telling so takes no look at the lists. Only because both happen in
-- one script is that safe against a second worker with the same returns.
local call, pcall = redis.call, redis.pcall
local expiry, longest, last, entry = ARGV[1], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local fresh = call('HSET', KEYS[1], unpack(ARGV, 6))
if expiry ~= '0' then call('EXPIREAT', KEYS[1], expiry, 'LT') end

-- stands tells whether the entry is in a list; the same job under another function goes (its return is overwritten).
local function stands(key)
  if call('LPOS', key, entry) then return true end
  local jid = string.sub(entry, 1, string.find(entry, '\t', 1, true))
  for _, other in ipairs(call('LRANGE', key, 0, -1)) do
    if string.sub(other, 1, #jid) == jid then call('LREM', key, 0, other) end
  end
  return false
end

local guarded = ARGV[2] == '1' or fresh < #KEYS - 1
local result = { fresh }
for i = 2, #KEYS do
  local key = KEYS[i]
  local length
  if guarded and call('TYPE', key).ok == 'list' and stands(key) then
    length = 0
  else
    length = pcall('LPUSH', key, entry)
  end
  if type(length) == 'table' then
    result[#result + 1] = i - 1
    result[#result + 1] = length.err
  elseif length > 0 then
    if length > longest then call('LTRIM', key, 0, last) end
    if expiry ~= '0' then
      -- A list expires with its newest job: GT never shortens, and has nothing to compare with in a new list.
      if length == 1 then
        call('EXPIREAT', key, expiry)
      else
        call('EXPIREAT', key, expiry, 'GT')
      end
    end
  end
end
return result
