-- Writes down how far a sweep has come, if the lease is still the caller's.
-- KEYS[1]   the lease, KEYS[2] where the sweep stands, KEYS[3] the last sweep's result
-- ARGV[1]   whose the lease has to be
-- ARGV[2]   where the sweep stands ('': nowhere, it is over; '=': as it was), ARGV[3] milliseconds to keep that
-- ARGV[4]   the result ('': as it was)
-- Result: 1 written, 0 the lease is not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[2])
elseif ARGV[2] ~= '=' then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
if ARGV[4] ~= '' then redis.call('SET', KEYS[3], ARGV[4]) end
return 1
