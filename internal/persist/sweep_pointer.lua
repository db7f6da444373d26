-- Removes a pointer without an expiry, or gives it one, if it still is what the caller has read: a job that runs now
-- moves it.
-- KEYS[1]   <minion>:<fun>
-- ARGV[1]   "1": only tell, change nothing
-- ARGV[2]   the jid that was read
-- ARGV[3]   "-" remove; seconds: its expiry
-- Result: the verdict.
if pcall('GET', KEYS[1]) ~= ARGV[2] or call('PTTL', KEYS[1]) ~= -1 then return GONE end
if ARGV[3] == '-' then
  if ARGV[1] == '0' then call('UNLINK', KEYS[1]) end
  return REMOVED
end
if ARGV[1] == '0' then call('EXPIREAT', KEYS[1], ARGV[3], 'LT') end
return MENDED
