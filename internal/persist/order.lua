-- The order of jids: a time jid beats a custom one, otherwise bytewise. Lua's own < follows the server's locale; every
-- locale has the digits in their order.
-- horizon   a time jid later than this counts as custom (20 digits); the script that includes this sets it
local byte, sub, find = string.byte, string.sub, string.find

local function digits(jid) return #jid == 20 and not find(jid, '%D') end

local function before(a, b)
  if digits(a) and digits(b) then return a < b end
  for i = 1, math.min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- real tells that 20 digits are a time that is not too far ahead.
local function real(text)
  local a, b, c, d, m, o, e, f, g, h, i, j, k, l = byte(text, 1, 14)
  local year, month, day = a * 1000 + b * 100 + c * 10 + d - 53328, m * 10 + o - 528, e * 10 + f - 528
  local last = days[month]
  if month == 2 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) then last = 29 end
  if year == 0 or not last or day < 1 or day > last then return false end
  return g * 10 + h - 528 <= 23 and i * 10 + j - 528 <= 59 and k * 10 + l - 528 <= 59 and text <= horizon
end

local known = {} -- what timed has told of a jid: a batch meets the same ones again and again

local function timed(jid)
  local told = known[jid]
  if told == nil then
    local text = sub(jid, 1, 20)
    told = digits(text) and (#jid == 20 or find(jid, '^_%d+$', 21) ~= nil) and real(text)
    known[jid] = told
  end
  return told
end

local function beats(jid, istime, stored)
  local greater = before(stored, jid)
  if istime and greater then return true end
  if timed(stored) ~= istime then return istime end
  return greater
end
