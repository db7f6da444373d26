-- Takes entries off a history's tail, as long as they are what the caller has read there.
-- KEYS[1]     returnd/history:<minion>
-- KEYS[2..]   each entry's ret:<jid>: an entry stays whose job is there; absent in a cluster, where the caller has asked
--             for it just before
-- ARGV        the entries (jid TAB function), the last one first
-- Result: how many went.
for i, entry in ipairs(ARGV) do
  local ret = KEYS[1 + i]
  if ret and call('EXISTS', ret) == 1 or call('LINDEX', KEYS[1], -1) ~= entry then return i - 1 end
  call('LTRIM', KEYS[1], 0, -2)
end
return #ARGV
