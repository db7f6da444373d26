-- Writes a load if it is still what the writer has read.
-- KEYS[1]   load:<jid>
-- ARGV[1]   the value read ("" when there was none), ARGV[2] the new value, ARGV[3] expiry in Unix seconds ("0": none)
-- Result: 1 written or already so, 0 changed meanwhile: read again.
local old = redis.call('GET', KEYS[1]) or ''
if old ~= ARGV[1] then return 0 end
if old ~= ARGV[2] then
  if old == '' and ARGV[3] ~= '0' then
    redis.call('SET', KEYS[1], ARGV[2], 'EXAT', ARGV[3])
    return 1
  end
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
if ARGV[3] ~= '0' then redis.call('EXPIREAT', KEYS[1], ARGV[3], 'LT') end
return 1
