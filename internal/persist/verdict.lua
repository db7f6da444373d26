-- What the sweep's scripts answer for each thing they look at: sweep_verdict.go counts by these numbers.
local GONE, FOREIGN, LOAD, EXPIRING, REMOVED, MENDED, STAYS, JOBS = 0, 1, 2, 3, 4, 5, 6, 7
local call, pcall, sub, find = redis.call, redis.pcall, string.sub, string.find
