-- Puts jobs at the head of minions' history lists, no entry twice.
-- KEYS[i]   a history list; a list may come more than once
-- ARGV[1]   length above which a list is cut, ARGV[2] index of the last entry kept then
-- ARGV[2i+1], ARGV[2i+2]   entry (jid TAB function), expiry in Unix seconds ("0": none)
-- Result: a flat list of i, error text for the lists that could not be written.
-- A list expires with its newest job: GT never shortens; a new list has no expiry for GT to compare with.
local failed = {}
for i, key in ipairs(KEYS) do
  local entry, expiry = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local reply = redis.pcall('LPOS', key, entry)
  if not reply then
    reply = redis.pcall('LPUSH', key, entry)
    if type(reply) == 'number' then
      if reply > tonumber(ARGV[1]) then redis.call('LTRIM', key, 0, ARGV[2]) end
      if expiry ~= '0' then
        if reply == 1 then
          redis.call('EXPIREAT', key, expiry)
        else
          redis.call('EXPIREAT', key, expiry, 'GT')
        end
      end
    end
  end
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1] = i
    failed[#failed + 1] = reply.err
  end
end
return failed
