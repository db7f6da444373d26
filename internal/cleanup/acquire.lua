-- Takes the lease if nobody has it, and counts its token up.
-- KEYS[1]   the lease, KEYS[2] its token
-- ARGV[1]   who asks, ARGV[2] time to live in milliseconds
-- Result: {1, token} where it is taken, {0, holder, milliseconds left (-1: for ever)} where another has it.
-- One's own value counts as free: the answer to an earlier try was lost, so nobody has been told of that token.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, holder, redis.call('PTTL', KEYS[1])} end
-- The time in microseconds keeps the token growing where a failover has lost it. Lua's numbers are exact up to 2^53, the year 2255.
local time = redis.call('TIME')
local token = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
if last >= token then token = last + 1 end
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, token}
