/**
 * Money counters: a hash each, of settled and held nano-dollars. What a run changes is added up, and written once as integers
 * by HINCRBY; compared in doubles: exact up to nine million dollars. A counter without a settled amount is not open, never zero.
 * What a dead process held counts as spent until its records tell (`c`): nobody waits for the dead.
 */
export const MONEY = String.raw`
local M = {}

local function money(key)
  local m = M[key]
  if not m then
    local r = call('HMGET', P .. 'm:' .. key, 's', 'h', 'q', 'x', 'o', 'c')
    m = {
      key = key, at = P .. 'm:' .. key, s = tonumber(r[1]), text = r[1], h = tonumber(r[2]) or 0, known = r[1] or r[2],
      queued = tonumber(r[3]) or 0, escrows = tonumber(r[4]) or 0, opening = r[5], c = tonumber(r[6]) or 0,
      moreHeld = 0, moreSettled = 0,
    }
    M[key] = m
    -- Counters in use are kept; the rest of the time nothing has to be written for it.
    if m.s and floor(real) % 64 == 0 and not call('HGET', m.at, 'e') then call('PEXPIRE', m.at, 604800000) end
  end
  return m
end

local function hold(m, amount)
  amount = tonumber(amount)
  m.h, m.moreHeld, m.known = m.h + amount, m.moreHeld + amount, true
end

-- Takes a hold back out of a counter, wherever it stands by now.
local function letGo(m, rec)
  if not rec[6] then
    if m.known then hold(m, minus(rec[1])) end
  else
    m.c = m.c + tonumber(minus(rec[1]))
    call('HINCRBY', m.at, 'c', minus(rec[1]))
  end
end

-- What nobody may wait for any more counts as spent.
local function presume(m, rec)
  hold(m, minus(rec[1]))
  m.c = m.c + tonumber(rec[1])
  call('HINCRBY', m.at, 'c', rec[1])
end

-- Charges a counter that is open; or one that is being opened, when this process has said what it had spent before.
local function charge(m, cost)
  if cost == '0' then return end
  if m.s then
    local amount = tonumber(cost)
    m.s, m.moreSettled, m.text = m.s + amount, m.moreSettled + amount, nil
  elseif m.opening and call('HEXISTS', P .. 'o:' .. m.opening, 'c:' .. me) == 1 then
    call('HINCRBY', P .. 'o:' .. m.opening, 'k:' .. m.key, cost)
  end
end

-- Notes when something was decided about a counter without whoever is fenced.
local function withoutAll(m) call('HSET', m.at, 'f', step()) end

local function saveMoney()
  for _, m in pairs(M) do
    if m.moreHeld ~= 0 then call('HINCRBY', m.at, 'h', text(m.moreHeld)) end
    if m.moreSettled ~= 0 then call('HINCRBY', m.at, 's', text(m.moreSettled)) end
  end
end

local function settledText(m) return m.text or text(m.s) end
local function spentText(m) return m.c == 0 and settledText(m) or text(m.s + m.c) end

-- What one request asks of all its budgets together: they share one grant.
local function bidOf(claims)
  local bid = { stakes = {}, min = 0, missing = nil }
  for i, c in ipairs(claims) do
    if c[1] == 3 then
      local m = money(c[2])
      if not m.s then
        bid.missing = bid.missing or {}
        table.insert(bid.missing, c[2])
      end
      local stake = { i = i, m = m, cap = tonumber(c[3]), min = tonumber(c[4]), full = tonumber(c[5]) }
      if stake.full < stake.min then stake.min = stake.full end
      for _, other in ipairs(bid.stakes) do if other.m == m then stake.again = true end end
      if stake.min > bid.min then bid.min = stake.min end
      if not bid.full or stake.full < bid.full then bid.full, bid.text = stake.full, c[5] end
      table.insert(bid.stakes, stake)
    end
  end
  if not bid.full then bid.full, bid.text = 0, '0' end
  if bid.full < bid.min then bid.min = bid.full end
  return bid
end

local function payable(bid)
  local most = bid.full
  for _, stake in ipairs(bid.stakes) do
    local left = stake.cap - stake.m.s - stake.m.c
    if left <= 0 or left < bid.min then return nil end
    if left < most then most = left end
  end
  return most
end

local function isShort(stake, grant) return stake.cap - stake.m.s - stake.m.c - stake.m.h < grant end
`;
