-- Prolongs the lease, if it is still the caller's.
-- KEYS[1]   the lease
-- ARGV[1]   whose it has to be, ARGV[2] milliseconds, ARGV[3] what they are: 'least' that must be left, 'more' than what
--           is left, or 'exact' in its place
-- Result: milliseconds left, -1 where the lease is not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local left = redis.call('PTTL', KEYS[1])
local want = tonumber(ARGV[2])
if ARGV[3] == 'least' and left > want then return left end
if ARGV[3] == 'more' and left > 0 then want = want + left end
redis.call('SET', KEYS[1], ARGV[1], 'PX', string.format('%.0f', want))
return want
