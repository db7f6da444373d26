-- Puts one job at the head of a history, once: the record script's second half, where a cluster keeps the two keys in
-- different slots. With no pointer to prove anything, the list is always looked at.
-- KEYS[1]   returnd/history:<minion>
-- ARGV[1..4]   see order.lua
-- ARGV[5], ARGV[6], ARGV[7]   jid, entry (jid TAB function), expiry in Unix seconds ("0": none)
-- Result: an empty list, or 1 and the error text.
local reply = pcall('LPOS', KEYS[1], ARGV[6]) or push(KEYS[1], ARGV[5], ARGV[6], ARGV[7], false)
if type(reply) == 'table' and reply.err then return { 1, reply.err } end
return {}
