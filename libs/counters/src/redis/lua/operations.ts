/** What a batch may ask for, by letter. Each answer stands at its place in the reply. */
export const OPERATIONS = String.raw`
local function touchedBy(keys)
  local touched, found = {}, false
  for _, key in ipairs(keys) do
    if money(key).queued > 0 then touched[key], found = true, true end
  end
  return found and touched
end

local O = {}

-- admit: id, how long it may wait, claims
O.a = function(op)
  local id, waitMs, claims = op[2], op[3], op[4]
  local bid = bidOf(claims)
  if bid.missing then return { 3, bid.missing } end
  local grant = payable(bid)
  local list = grant and contended(bid, grant, math.huge)
  local verdict = decide(me, id, claims, bid, grant, list)
  if verdict then return verdict end
  local isFull = waitMs <= 0 or call('ZCARD', P .. 'wd') >= MOST_WAITING
  for _, stake in ipairs(list) do if stake.m.queued >= MOST_IN_QUEUE then isFull = true end end
  if isFull then
    for _, stake in ipairs(list) do
      if stake.m.escrows > 0 then call('PUBLISH', '{c}:all', cjson.encode({ 'contended', stake.m.key })) end
    end
    return busy(list)
  end
  local r = { id = id, inc = me, seq = call('INCR', P .. 'seq'), since = now, claims = claims, queues = {} }
  R[r.seq] = r
  call('HSET', P .. 'wi', me .. ' ' .. id, r.seq)
  call('ZADD', P .. 'wd', now + waitMs, r.seq)
  enqueue(r, list)
  return { 0 }
end

local function giveUpOne(id)
  local seq = call('HGET', P .. 'wi', me .. ' ' .. id)
  if seq then giveUp({ seq }) end
end

-- settle: id, requests, total, input, output tokens, cost
O.s = function(op)
  local stored = call('HGET', myHolds, op[2])
  local rec = stored and unpack(stored) or undoubt(op[2])
  if not rec then return giveUpOne(op[2]) or 0 end
  if stored then
    call('HDEL', myHolds, op[2])
    release(rec)
  end
  for _, w in ipairs(rec[4]) do
    local actual = op[3 + w[4]]
    if actual >= 0 and actual ~= w[5] then
      local at = window(w[1], w[2], w[3])
      change(at, w[6], actual - w[5])
    end
  end
  for _, key in ipairs(rec[2]) do
    local m = money(key)
    letGo(m, rec)
    charge(m, op[7])
    if rec[5] then m.escrows = call('HINCRBY', m.at, 'x', -1) end
  end
  local touched = touchedBy(rec[2])
  if touched then serve(touched) end
  return 1
end

-- amend: id, by how much less, what remains
O.m = function(op)
  local stored = call('HGET', myHolds, op[2])
  if not stored then return 0 end
  local rec = unpack(stored)
  for _, key in ipairs(rec[2]) do hold(money(key), op[3]) end
  rec[1] = op[4]
  call('HSET', myHolds, op[2], pack(rec))
  local touched = touchedBy(rec[2])
  if touched then serve(touched) end
  return 1
end

-- adjust: key, delta
O.j = function(op)
  local m = money(op[2])
  if not m.s then return 0 end
  charge(m, op[3])
  local touched = touchedBy({ op[2] })
  if touched then serve(touched) end
  return 1
end

-- follow: cost, keys that were not claimed
O.f = function(op)
  for _, key in ipairs(op[3]) do charge(money(key), op[2]) end
  return 1
end

-- give up waiting: id
O.g = function(op) return giveUpOne(op[2]) or 1 end

O.t = tick

-- ask after verdicts: ids
O.p = function(op)
  for _, id in ipairs(op[2]) do
    local said = call('HGET', P .. 'v:' .. me, id)
    if said then table.insert(mine, cjson.decode(said))
    elseif call('HEXISTS', P .. 'wi', me .. ' ' .. id) == 0 then table.insert(mine, { id, { 4 } }) end
  end
  return 1
end

-- balances: keys
O.b = function(op)
  local list = {}
  for _, key in ipairs(op[2]) do
    local m = money(key)
    table.insert(list, m.s and { settledText(m), text(m.h) } or { false, text(m.h) })
  end
  return list
end

-- open where nobody can have spent: key, settled, time to keep
O.o = function(op)
  local m = money(op[2])
  if m.s then return 0 end
  call('HSET', m.at, 's', op[3])
  m.s, m.text, m.known = tonumber(op[3]), op[3], true
  if op[4] > 0 then call('HSET', m.at, 'e', 1) end
  call('PEXPIRE', m.at, op[4] > 0 and op[4] or 604800000)
  return 1
end

-- records of a dead process were found: its holds go, and the counters are read again from what is stored
O.v = function(op)
  local touched = {}
  for i = 1, 9 do found(i == 1 and op[2] or op[2] .. ':' .. i, touched) end
  for _, key in ipairs(op[3]) do
    close(key)
    touched[key] = true
  end
  -- Whoever waited for these counters has to open them again.
  serve(touched)
  return 1
end

-- whose records this process writes; and: all records of that writer are stored
O.W = function(op) call('HSET', P .. 'writers', op[2], me); return 1 end
O.u = function(op) return bury(op[2]) end

-- back after a lost lease: budgets this process spends
O.k = function(op) return readAgain(op[2]) end
O.r = function(op) register(op[2], op[3], op[4], op[5], op[6]); return 1 end
O.w = function(op) merge(op[2], op[3], op[4], op[5]); return 1 end

-- keep some money aside for the time without Redis: id, key, cap, wanted, at least
O.e = function(op)
  local m = money(op[3])
  if not m.s or m.queued > 0 then return '0' end
  local free = tonumber(op[4]) - m.s - m.h
  local amount = math.min(tonumber(op[5]), floor(free / (4 * call('ZCARD', members))))
  if amount < tonumber(op[6]) or amount <= 0 then return '0' end
  hold(m, text(amount))
  m.escrows = call('HINCRBY', m.at, 'x', 1)
  call('HSET', myHolds, op[2], pack({ text(amount), { op[3] }, {}, {}, true }))
  return text(amount)
end

O.B = function(op) return beginOpening(op[2], op[3]) end
O.C = function(op) return contribute(op[2], op[3]) end
O.F = function(op) return finishOpening(op[2], op[3]) end
O.A = function(op) return abortOpening(op[2]) end

-- leave for good: nothing is held any more
O.q = function(op)
  fence(me)
  if op[2] then call('HDEL', P .. 'writers', op[2]) end
  return 1
end

local results = {}
for i, op in ipairs(cjson.decode(ARGV[10])) do results[i] = O[op[1]](op) end
saveWindows()
saveMoney()
return cjson.encode({ results, now, mine })
`;
