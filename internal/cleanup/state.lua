-- Looks at everything at once, so that it fits together.
-- KEYS[1]   the lease, KEYS[2] its token, KEYS[3] where a sweep stands, KEYS[4] the last sweep's result
-- Result: {holder, milliseconds left (-1: for ever, -2: nobody has it), token, place, result, seconds, microseconds};
--         '' for what is not there.
local time = redis.call('TIME')
return {
  redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[2]) or '',
  redis.call('GET', KEYS[3]) or '', redis.call('GET', KEYS[4]) or '', time[1], time[2],
}
