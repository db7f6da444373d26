-- Moves one pointer to a greater jid, never back: the record script's first half, where a cluster keeps the two keys
-- in different slots.
-- KEYS[1]   the pointer `<minion>:<fun>`
-- ARGV[1..4]   see order.lua
-- ARGV[5], ARGV[6], ARGV[7]   jid, "1" if it counts as a time jid else "0", expiry in Unix seconds ("0": none)
-- Result: an empty list, or 1 and the error text.
local key, jid, istime, expiry = KEYS[1], ARGV[5], ARGV[6] == '1', ARGV[7]
local old = call('MGET', key)[1]
local reply
if old == jid then
  reply = expiry ~= '0' and pcall('EXPIREAT', key, expiry, 'LT')
elseif not old or beats(jid, istime, old) then
  reply = set(key, jid, expiry, old)
end
if type(reply) == 'table' and reply.err then return { 1, reply.err } end
return {}
