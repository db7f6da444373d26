-- Takes entries off a history's tail, as long as they are what the caller has read there.
-- KEYS[1]     returnd/history:<minion>
-- KEYS[2..]   each entry's ret:<jid>: an entry stays whose job is there; absent in a cluster, where the caller has asked
--             for it just before
-- ARGV[1]     "1": only tell, change nothing
-- ARGV[2..]   the entries (jid TAB function), the last one first
-- Result: how many went.
local gone = 0
for i = 2, #ARGV do
  if KEYS[i] and call('EXISTS', KEYS[i]) == 1 then break end
  if ARGV[1] == '1' then
    if call('LINDEX', KEYS[1], 1 - i) ~= ARGV[i] then break end
  else
    if call('LINDEX', KEYS[1], -1) ~= ARGV[i] then break end
    call('LTRIM', KEYS[1], 0, -2)
  end
  gone = gone + 1
end
return gone
