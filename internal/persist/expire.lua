-- Lets a job's returns expire, and no key of another type: that is a stranger's.
-- KEYS[1]   ret:<jid>
-- ARGV[1]   expiry in Unix seconds; the earliest one stays
-- Result: 1 if it was set.
local size = redis.pcall('HLEN', KEYS[1])
if type(size) == 'number' then return redis.call('EXPIREAT', KEYS[1], ARGV[1], 'LT') end
if string.sub(size.err or '', 1, 9) == 'WRONGTYPE' then return 0 end
return size
