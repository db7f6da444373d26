-- Finds a minion that has not returned.
-- KEYS[1]   ret:<jid>
-- ARGV      ids of minions
-- Result: the position of the first that has not, 0 if all have.
for i, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], id) == 0 then return i end
end
return 0
