/**
 * Which processes live. One that was not heard of for a lease is fenced: its slots are free at once, what it held is in doubt
 * and stays counted until its records tell what happened, or nothing can happen any more. Whoever can reach its records has a grace
 * to read them; after that what is in doubt counts as spent, because nobody should wait for the dead.
 */
export const LEASES = String.raw`
local function release(rec) for _, key in ipairs(rec[3]) do take(key, -1) end end

local graceMs = floor(leaseMs * 0.4)

local function fence(inc)
  call('ZREM', members, inc)
  local last = call('HGET', numbers, inc)
  if last then call('SET', P .. 'n:' .. inc, last, 'PX', 86400000) end
  call('HDEL', numbers, inc)
  call('SET', P .. 'out:' .. inc, step(), 'PX', 86400000)
  local waiting = call('HGETALL', P .. 'wi')
  local touched = {}
  for i = 1, #waiting, 2 do
    if string.sub(waiting[i], 1, #inc + 1) == inc .. ' ' then
      local r = waiter(tonumber(waiting[i + 1]))
      if r then
        for key in pairs(r.queues) do touched[key] = true end
        leave(r)
      end
    end
  end
  local holds = call('HGETALL', P .. 'h:' .. inc)
  for i = 1, #holds, 2 do
    local rec = unpack(holds[i + 1])
    release(rec)
    if #rec[2] > 0 and rec[1] ~= '0' then
      call('HSET', P .. 'd', holds[i], holds[i + 1])
      call('SADD', P .. 'du:' .. inc, holds[i])
      call('PEXPIRE', P .. 'du:' .. inc, doubtMs + 86400000)
      call('ZADD', P .. 'dd', real + doubtMs, holds[i])
    end
  end
  call('DEL', P .. 'h:' .. inc)
  serve(touched)
  if inc ~= me then
    call('ZADD', P .. 'dg', real + graceMs, inc)
    call('PUBLISH', '{c}:all', cjson.encode({ 'fenced', inc }))
  end
end

-- Whoever waits for money of the dead is told how things stand, as far as anybody can know.
local function endGraces()
  for _, inc in ipairs(call('ZRANGEBYSCORE', P .. 'dg', '-inf', real)) do
    call('ZREM', P .. 'dg', inc)
    local touched = {}
    for _, id in ipairs(call('SMEMBERS', P .. 'du:' .. inc)) do
      local stored = call('HGET', P .. 'd', id)
      local rec = stored and unpack(stored)
      if rec and not rec[6] then
        for _, key in ipairs(rec[2]) do
          presume(money(key), rec)
          touched[key] = true
        end
        rec[5], rec[6] = rec[5] or false, true
        call('HSET', P .. 'd', id, pack(rec))
      end
    end
    serve(touched)
  end
end

-- Takes a hold out of doubt; nil when it is not in it.
local function undoubt(id)
  local stored = call('HGET', P .. 'd', id)
  if not stored then return nil end
  call('HDEL', P .. 'd', id)
  call('ZREM', P .. 'dd', id)
  return unpack(stored)
end

-- Nothing can happen to it any more, and nobody said what did: it is charged whole. What only was kept aside is given back.
local function endDoubts()
  for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'dd', '-inf', real, 'LIMIT', 0, 100)) do
    local rec, touched = undoubt(id), {}
    for _, key in ipairs(rec and rec[2] or {}) do
      local m = money(key)
      letGo(m, rec)
      if rec[5] then m.escrows = call('HINCRBY', m.at, 'x', -1) else charge(m, rec[1]) end
      withoutAll(m)
      touched[key] = true
    end
    serve(touched)
  end
end

-- Also ends an opening that is under way: it may have read what is stored a moment too early.
local function close(key)
  local m = money(key)
  if m.opening then
    call('HDEL', m.at, 'o')
    m.opening = nil
  end
  if m.s then
    call('HDEL', m.at, 's')
    m.s, m.text, m.moreSettled = nil, nil, 0
  end
end

-- A process is back after its lease was lost. Of what it spends, counters that were made up meanwhile lack what it has not stored, and may
-- have what it stores but did not say: they are read again, now that everybody waits for its word.
local function readAgain(keys)
  if not wasOut then return 0 end
  local since, touched = tonumber(call('GET', P .. 'out:' .. me)), {}
  for _, key in ipairs(keys) do
    local m = money(key)
    local made = tonumber(call('HGET', m.at, 'f'))
    if m.s and made and (not since or made >= since) then
      close(key)
      touched[key] = true
    end
  end
  serve(touched)
  return 1
end

-- A call of a process that ended was found in its records, which are stored: what it holds goes, whether it was missed or not.
local function found(id, touched)
  local rec = undoubt(id)
  if not rec then
    for _, inc in ipairs(call('ZRANGE', members, 0, -1)) do
      local stored = inc ~= me and call('HGET', P .. 'h:' .. inc, id)
      if stored then
        call('HDEL', P .. 'h:' .. inc, id)
        rec = unpack(stored)
        release(rec)
      end
    end
  end
  for _, key in ipairs(rec and rec[2] or {}) do
    letGo(money(key), rec)
    touched[key] = true
  end
end

-- All that a process wrote is stored: what it still held never reached anybody. The counters are read again.
local function bury(writer)
  local inc = call('HGET', P .. 'writers', writer)
  if not inc then return 0 end
  call('HDEL', P .. 'writers', writer)
  fence(inc)
  local touched = {}
  for _, id in ipairs(call('SMEMBERS', P .. 'du:' .. inc)) do
    local rec = undoubt(id)
    for _, key in ipairs(rec and rec[2] or {}) do
      local m = money(key)
      letGo(m, rec)
      if rec[5] then m.escrows = call('HINCRBY', m.at, 'x', -1) end
      close(key)
      touched[key] = true
    end
  end
  call('DEL', P .. 'du:' .. inc)
  -- Whoever waited for these counters has to open them again.
  serve(touched)
  return 1
end

-- What a live process holds, said again: after a lost lease, in a new epoch, or because it was admitted without Redis.
local function register(id, granted, keys, gauges, windows)
  if call('HEXISTS', myHolds, id) == 1 then return end
  local rec = undoubt(id)
  for _, key in ipairs(rec and rec[2] or {}) do letGo(money(key), rec) end
  for _, key in ipairs(keys) do hold(money(key), granted) end
  for _, key in ipairs(gauges) do take(key, 1) end
  for _, w in ipairs(windows) do w[6] = floor((now - w[6]) / w[2]) end
  call('HSET', myHolds, id, pack({ granted, keys, gauges, windows }))
end

local function tick()
  call('ZADD', members, real + leaseMs, me)
  giveUp(call('ZRANGEBYSCORE', P .. 'wd', '-inf', now))
  for _, inc in ipairs(call('ZRANGEBYSCORE', members, '-inf', real)) do fence(inc) end
  endGraces()
  endDoubts()
  return { call('ZCARD', members), call('ZCARD', P .. 'wd') }
end
`;
