-- What returnd/job:<jid> holds, for the scripts that this file precedes: a field `minion:<id>` for each expected minion,
-- and these of our own. One that is not listed here would count as a minion that never returns.
local own = {'reserved', 'announcing', 'announced', 'endtime'}

-- known gives the number of expected minions, for how many of them completion was announced, and the last claim to
-- announcing it, out of a hash of so many fields.
local function known(key, fields)
  local values = redis.call('HMGET', key, unpack(own))
  for i = 1, #own do
    if values[i] then fields = fields - 1 end
  end
  return fields, tonumber(values[3] or '') or 0, values[2] or ''
end

