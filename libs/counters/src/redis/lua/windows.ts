/**
 * Sliding windows in 120 whole cells, packed: total, newest cell and its amount as three doubles, then twelve bytes for each
 * older cell. Read and written once a run, however many requests of the batch meet the window. The same arithmetic as in
 * `SlidingWindow`. And slots in use, a whole number a key.
 */
export const WINDOWS = String.raw`
local W, G = {}, {}
local WRAP = 4294967296

local function window(key, cellMs, span)
  local w = W[key]
  if not w then
    local stored = call('GET', P .. 'w:' .. key)
    if stored then
      local total, newest, amount = struct.unpack('>ddd', stored)
      w = { total = total, newest = newest, amount = amount, live = true, body = stored, head = 24 }
    else
      w = { total = 0, newest = -1, amount = 0, live = false, body = '', head = 0 }
    end
    w.cellMs, w.span = cellMs, span
    W[key] = w
  end
  local cell = math.max(floor(now / cellMs), w.newest)
  while w.head < #w.body do
    local low, amount = struct.unpack('>I4d', w.body, w.head + 1)
    if w.newest - (w.newest - low) % WRAP + span > cell then break end
    w.total = w.total - amount
    w.head = w.head + 12
  end
  if w.live and w.newest + span <= cell then
    w.total, w.amount, w.live, w.body, w.head = 0, 0, false, '', 0
  end
  return w, cell
end

local function add(w, cell, amount)
  if w.live and cell == w.newest then
    w.amount = w.amount + amount
  else
    if w.live then
      w.body = string.sub(w.body, w.head + 1) .. struct.pack('>I4d', w.newest % WRAP, w.amount)
      w.head = 0
    end
    w.newest, w.amount, w.live = cell, amount, true
  end
  w.total = w.total + amount
  w.dirty = true
end

local function change(w, cell, delta)
  if not w.live then return end
  if cell == w.newest then
    delta = math.max(delta, -w.amount)
    w.amount, w.total, w.dirty = w.amount + delta, w.total + delta, true
    return
  end
  local low, high = 0, (#w.body - w.head) / 12 - 1
  while low <= high do
    local middle = floor((low + high) / 2)
    local at = w.head + middle * 12
    local stored, amount = struct.unpack('>I4d', w.body, at + 1)
    local found = w.newest - (w.newest - stored) % WRAP
    if found < cell then low = middle + 1
    elseif found > cell then high = middle - 1
    else
      delta = math.max(delta, -amount)
      w.body = string.sub(w.body, 1, at + 4) .. struct.pack('>d', amount + delta) .. string.sub(w.body, at + 13)
      w.total, w.dirty = w.total + delta, true
      return
    end
  end
end

-- Adds what a process admitted by itself, in the cells where it did.
local function merge(key, cellMs, span, entries)
  local w, cell = window(key, cellMs, span)
  local cells, order = {}, {}
  local function put(at, amount)
    if not cells[at] then cells[at] = 0; order[#order + 1] = at end
    cells[at] = cells[at] + amount
  end
  while w.head < #w.body do
    local low, amount = struct.unpack('>I4d', w.body, w.head + 1)
    put(w.newest - (w.newest - low) % WRAP, amount)
    w.head = w.head + 12
  end
  if w.live then put(w.newest, w.amount) end
  for _, entry in ipairs(entries) do
    local at = floor((now - entry[1]) / cellMs)
    if at + span > cell then put(at, entry[2]) end
  end
  table.sort(order)
  local fresh = { total = 0, newest = -1, amount = 0, live = false, body = '', head = 0, cellMs = cellMs, span = span }
  for _, at in ipairs(order) do add(fresh, at, cells[at]) end
  W[key] = fresh
end

local function retryAfter(w, amount, limit)
  if amount > limit then return -1 end
  local tooMuch = w.total + amount - limit
  if tooMuch <= 0 then return 0 end
  local at = w.head
  while at < #w.body do
    local low, held = struct.unpack('>I4d', w.body, at + 1)
    tooMuch = tooMuch - held
    if tooMuch <= 0 then return math.ceil((w.newest - (w.newest - low) % WRAP + w.span) * w.cellMs - now) end
    at = at + 12
  end
  tooMuch = tooMuch - w.amount
  if w.live and tooMuch <= 0 then return math.ceil((w.newest + w.span) * w.cellMs - now) end
  return 0
end

-- Of two times, where less than nothing means never.
local function sooner(a, b)
  if a < 0 then return b end
  if b < 0 then return a end
  return math.min(a, b)
end

local function slots(key)
  local g = G[key]
  if not g then
    g = tonumber(call('GET', P .. 'g:' .. key)) or 0
    G[key] = g
  end
  return g
end

local taken = {}
local function take(key, by)
  G[key] = math.max(0, slots(key) + by)
  taken[key] = true
end

local function saveWindows()
  for key in pairs(taken) do
    if G[key] > 0 then call('SET', P .. 'g:' .. key, G[key]) else call('DEL', P .. 'g:' .. key) end
  end
  for key, w in pairs(W) do
    if w.dirty and w.live then
      local stored = struct.pack('>ddd', w.total, w.newest, w.amount) .. string.sub(w.body, w.head + 1)
      call('SET', P .. 'w:' .. key, stored, 'PX', (w.span + 2) * w.cellMs + keepMs)
    end
  end
end
`;
