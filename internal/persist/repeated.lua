-- Leaves one entry of a job in a history list, for a return that came again: with another function, perhaps.
-- KEYS[1]   a history list
-- ARGV[1]   the entry that stays (jid TAB function), ARGV[2] what all entries of that job begin with (jid TAB)
-- Result: the number of entries removed.
-- Where the entry is not there, another worker has tidied meanwhile for another body, and what it left stays.
local call, others, times = redis.call, {}, 0
for _, entry in ipairs(call('LRANGE', KEYS[1], 0, -1)) do
  if entry == ARGV[1] then
    times = times + 1
  elseif string.sub(entry, 1, #ARGV[2]) == ARGV[2] then
    others[#others + 1] = entry
  end
end
if times == 0 then return 0 end
local removed = times > 1 and call('LREM', KEYS[1], 1 - times, ARGV[1]) or 0
for _, entry in ipairs(others) do removed = removed + call('LREM', KEYS[1], 0, entry) end
return removed
