-- Lets a job's returns expire, and no key of another type: that is a stranger's.
-- KEYS[1]   ret:<jid>
-- ARGV[1]   expiry in Unix seconds; the earliest one stays
-- Result: 1 if it was set.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
return redis.call('EXPIREAT', KEYS[1], ARGV[1], 'LT')
