/**
 * Opening a counter from PostgreSQL, exactly, while others spend: every live process stops storing for a moment and says
 * what it has spent and not stored; then PostgreSQL is read; the sum of both is what was spent up to each one's word, and
 * what comes after it is charged here.
 */
export const OPENING = String.raw`
local OPENING_MS = 10000

-- Whether everybody who lives has spoken.
local function isReady(id)
  for _, inc in ipairs(call('ZRANGE', members, 0, -1)) do
    if call('HEXISTS', P .. 'o:' .. id, 'c:' .. inc) == 0 then return false end
  end
  return true
end

local function beginOpening(id, keys)
  local ours, pending = {}, 0
  for _, key in ipairs(keys) do
    local m = money(key)
    if not m.s then
      if m.opening and m.opening ~= id and call('EXISTS', P .. 'o:' .. m.opening) == 1 then
        pending = pending + 1
      else
        call('HSET', m.at, 'o', id)
        call('PEXPIRE', m.at, 604800000)
        m.opening = id
        table.insert(ours, key)
      end
    end
  end
  if #ours > 0 then
    call('HSET', P .. 'o:' .. id, 'by', me)
    call('PEXPIRE', P .. 'o:' .. id, OPENING_MS)
    call('PUBLISH', '{c}:all', cjson.encode({ 'opening', id, ours, me }))
  end
  return { pending, ours }
end

local function contribute(id, tail)
  local at = P .. 'o:' .. id
  local by = call('HGET', at, 'by')
  if not by then return 0 end
  if call('HSETNX', at, 'c:' .. me, 1) == 0 then tail = {} end
  for _, entry in ipairs(tail) do call('HINCRBY', at, 'k:' .. entry[1], entry[2]) end
  if not isReady(id) then return 1 end
  if by ~= me then call('PUBLISH', '{c}:v:' .. by, cjson.encode({ 'ready', id })) end
  return 2
end

local function finishOpening(id, sums)
  local at = P .. 'o:' .. id
  if call('HGET', at, 'by') ~= me or not isReady(id) then return 0 end
  for _, sum in ipairs(sums) do
    local m = money(sum[1])
    if m.opening == id and not m.s then
      call('HSET', m.at, 's', 0)
      call('HINCRBY', m.at, 's', sum[2])
      local since = call('HGET', at, 'k:' .. sum[1])
      m.s = since and call('HINCRBY', m.at, 's', since) or tonumber(sum[2])
      m.text, m.known, m.opening = nil, true, nil
      call('HDEL', m.at, 'o')
      withoutAll(m)
      if sum[3] > 0 then
        call('HSET', m.at, 'e', 1)
        call('PEXPIRE', m.at, sum[3])
      end
    end
  end
  call('DEL', at)
  call('PUBLISH', '{c}:all', cjson.encode({ 'opened', id }))
  return 1
end

-- Nobody may be kept from storing for long: whoever has waited enough takes its word back, and the opener begins again.
local function abortOpening(id)
  if call('DEL', P .. 'o:' .. id) == 1 then call('PUBLISH', '{c}:all', cjson.encode({ 'opened', id })) end
  return 1
end
`;
