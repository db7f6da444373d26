-- Gives the announcement of a job's completion to the caller, unless somebody else is at it.
-- KEYS[1]   returnd/job:<jid>
-- ARGV[1]   number of expected minions, which have all returned
-- ARGV[2]   the caller's token, ARGV[3] after how many milliseconds a claim is void: whoever made it is gone
-- Result: 0 there is nothing to announce any more, -1 somebody else is at it. Otherwise the number of expected minions:
-- if it is ARGV[1], the claim is the caller's; if not, the job has grown meanwhile.
local fields = redis.call('HLEN', KEYS[1])
local expected, announced, claim = known(KEYS[1], fields)
local number = tonumber(ARGV[1])
if fields == 0 or expected < number then return 0 end -- it has expired
if expected > number then return expected end
if announced >= number then return 0 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed, at = string.match(claim, '^(%d+) (%d+) ')
if claimed and tonumber(claimed) >= number and math.abs(now - at) < tonumber(ARGV[3]) then return -1 end
redis.call('HSET', KEYS[1], 'announcing', string.format('%d %.0f %s', number, now, ARGV[2]))
return expected
