-- Notes what became of an announcement.
-- KEYS[1]   returnd/job:<jid>
-- ARGV[1]   the number of expected minions that it was made for; "0": it failed, and the next one need not wait
-- ARGV[2]   the token of the claim
-- Result: 1 if it was noted, 0 if there is nothing to note: the job has expired, or others have got further.
local values = redis.call('HMGET', KEYS[1], 'announcing', 'announced')
local number, claim = tonumber(ARGV[1]), values[1]
if not claim then return 0 end
if number > (tonumber(values[2] or '') or 0) then
  redis.call('HSET', KEYS[1], 'announced', number)
  return 1
end
if number == 0 and string.sub(claim, -#ARGV[2]) == ARGV[2] then
  redis.call('HSET', KEYS[1], 'announcing', '')
  return 1
end
return 0
