/**
 * Who waits for money that others hold, on whichever process: one queue a budget, in order of arrival; the rules of
 * `WaitingRoom`. Whoever gives money back lets in who fits now, in the same step.
 */
export const WAITING = String.raw`
local R = {}
local LOOKED_AT, MOST_WAITING, MOST_IN_QUEUE = 100, 10000, 1000

local function waiter(seq)
  local r = R[seq]
  if not r then
    local stored = call('HGET', P .. 'wr', seq)
    if not stored then return nil end
    r = unpack(stored)
    R[seq] = r
  end
  return r
end

local function oldestIn(m)
  if m.queued <= 0 then return nil end
  local first = call('ZRANGE', P .. 'q:' .. m.key, 0, 0)[1]
  return first and waiter(tonumber(first))
end

-- The stakes that keep a grant from being taken now; nobody passes the oldest of a queue once it has waited long enough.
local function contended(bid, grant, seq)
  local list
  for _, stake in ipairs(bid.stakes) do
    local is = isShort(stake, grant)
    if not is then
      local oldest = oldestIn(stake.m)
      if oldest and oldest.seq < seq and now - oldest.since >= overtakeMs then
        local theirs = bidOf(oldest.claims)
        is = not theirs.missing and isShort(stake, grant + (payable(theirs) or 0))
      end
    end
    if is then list = list or {}; table.insert(list, stake) end
  end
  return list
end

local function save(r) call('HSET', P .. 'wr', r.seq, pack(r)) end

local function enqueue(r, list)
  for _, stake in ipairs(list) do
    local key = stake.m.key
    if not r.queues[key] then
      r.queues[key] = true
      call('ZADD', P .. 'q:' .. key, r.seq, r.seq)
      stake.m.queued = call('HINCRBY', stake.m.at, 'q', 1)
      stake.m.known = true
      if stake.m.escrows > 0 then call('PUBLISH', '{c}:all', cjson.encode({ 'contended', key })) end
    end
  end
  save(r)
end

local function leave(r)
  call('HDEL', P .. 'wr', r.seq)
  call('HDEL', P .. 'wi', r.inc .. ' ' .. r.id)
  call('ZREM', P .. 'wd', r.seq)
  for key in pairs(r.queues) do
    local m = money(key)
    call('ZREM', P .. 'q:' .. key, r.seq)
    m.queued = call('HINCRBY', m.at, 'q', -1)
  end
  R[r.seq] = nil
end

-- The answer of somebody who waited: in this reply when it is ours; else by a message, and kept for whoever missed it.
local function tell(r, verdict)
  local said = cjson.encode({ r.id, verdict })
  call('HSET', P .. 'v:' .. r.inc, r.id, said)
  call('PEXPIRE', P .. 'v:' .. r.inc, 60000 + keepMs)
  if r.inc == me then table.insert(mine, { r.id, verdict }) else call('PUBLISH', '{c}:v:' .. r.inc, said) end
end

local function busy(stakes)
  local refused = {}
  for _, stake in ipairs(stakes) do table.insert(refused, { stake.i, 2, spentText(stake.m), -1 }) end
  return { 2, refused }
end

-- Takes everything or nothing; nil means that nothing is over, but money has to be waited for.
local function decide(inc, id, claims, bid, grant, isContended)
  local refused
  local function refuse(i, current, retry, pool)
    refused = refused or {}
    table.insert(refused, { i, 1, current, retry, pool })
  end
  if not grant then
    for _, stake in ipairs(bid.stakes) do
      local left = stake.cap - stake.m.s - stake.m.c
      if left <= 0 or left < bid.min then refuse(stake.i, spentText(stake.m), -2) end
    end
  end
  local most, least, elastic
  for _, c in ipairs(claims) do
    if c[1] == 1 and c[8] >= 0 then
      local w = window(c[2], c[3], c[4])
      local room = math.min(c[7], floor(c[6] - w.total))
      if not most or room < most then most = room end
      local atLeast = math.min(c[8], c[7])
      if not least or atLeast > least then least = atLeast end
    end
  end
  if most then elastic = math.max(most, least) end
  local sums, used, remaining, gauges, windows = {}, {}, {}, {}, {}
  for i, c in ipairs(claims) do
    if c[1] == 1 then
      local w, cell = window(c[2], c[3], c[4])
      local amount = c[8] >= 0 and elastic or c[7]
      local total = w.total + (sums[w] or 0)
      if total + amount <= c[6] then
        sums[w] = (sums[w] or 0) + amount
        table.insert(remaining, c[6] - total - amount)
        table.insert(windows, { c[2], c[3], c[4], c[5], amount, cell })
      else
        refuse(i, total, retryAfter(w, amount, c[6]))
      end
    elseif c[1] == 2 then
      local g = slots(c[2]) + (used[c[2]] or 0)
      if g + 1 <= c[3] then
        used[c[2]] = (used[c[2]] or 0) + 1
        table.insert(remaining, c[3] - g - 1)
        table.insert(gauges, c[2])
      else
        refuse(i, g, -2)
      end
    elseif c[1] == 4 then
      local amount, w, cell = c[7], window(c[2], c[3], c[4])
      local p, poolCell = window(c[8], c[3], c[4])
      local total, pool = w.total + (sums[w] or 0) + amount, p.total + (sums[p] or 0) + amount
      if total <= c[6] and (total <= c[9] or pool <= c[10]) then
        sums[w] = (sums[w] or 0) + amount
        sums[p] = (sums[p] or 0) + amount
        table.insert(remaining, { c[6] - total, math.max(0, c[10] - pool) })
        table.insert(windows, { c[2], c[3], c[4], c[5], amount, cell })
        table.insert(windows, { c[8], c[3], c[4], c[5], amount, poolCell })
      else
        local whole = retryAfter(w, amount, c[6])
        local either = sooner(retryAfter(w, amount, c[9]), retryAfter(p, amount, c[10]))
        refuse(i, total - amount, (whole < 0 or either < 0) and -1 or math.max(whole, either), pool - amount)
      end
    end
  end
  if refused then return { 2, refused } end
  if isContended then return nil end
  for _, w in ipairs(windows) do
    local at, cell = window(w[1], w[2], w[3])
    add(at, cell, w[5])
  end
  for _, key in ipairs(gauges) do take(key, 1) end
  local granted = grant == bid.full and bid.text or text(grant)
  local keys, spent = {}, {}
  for _, stake in ipairs(bid.stakes) do
    if not stake.again then
      hold(stake.m, granted)
      table.insert(keys, stake.m.key)
    end
    table.insert(spent, settledText(stake.m))
    table.insert(spent, text(stake.m.h))
  end
  call('HSET', P .. 'h:' .. inc, id, pack({ granted, keys, gauges, windows }))
  return { 1, granted, elastic or -1, remaining, spent }
end

-- Lets in whoever fits now. Who leaves may have stood in the way of younger ones in other queues, so those are looked at as well.
local function serve(touched)
  local after, unfit = 0, 0
  while unfit < LOOKED_AT do
    local seq
    for key in pairs(touched) do
      if money(key).queued > 0 then
        local first = call('ZRANGEBYSCORE', P .. 'q:' .. key, '(' .. after, '+inf', 'LIMIT', 0, 1)[1]
        first = first and tonumber(first)
        if first and (not seq or first < seq) then seq = first end
      end
    end
    if not seq then return end
    after = seq
    local r = waiter(seq)
    local bid = r and bidOf(r.claims)
    if r and bid.missing then
      leave(r)
      tell(r, { 3, bid.missing })
    elseif r then
      local grant = payable(bid)
      local list = grant and contended(bid, grant, seq)
      if list then
        enqueue(r, list)
        unfit = unfit + 1
      else
        local verdict = decide(r.inc, r.id, r.claims, bid, grant, false)
        for key in pairs(r.queues) do touched[key] = true end
        leave(r)
        tell(r, verdict)
      end
    end
  end
end

local function giveUp(seqs)
  local touched = {}
  for _, seq in ipairs(seqs) do
    local r = waiter(tonumber(seq))
    if r then
      leave(r)
      local stakes = {}
      local bid = bidOf(r.claims)
      for _, stake in ipairs(bid.stakes) do
        if r.queues[stake.m.key] and stake.m.s then table.insert(stakes, stake) end
      end
      for key in pairs(r.queues) do touched[key] = true end
      tell(r, busy(stakes))
    end
  end
  serve(touched)
end
`;
