-- Gives the lease back, if it is still the caller's.
-- KEYS[1]   the lease
-- ARGV[1]   whose it has to be
-- Result: 1 given back, 0 it was not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
