/**
 * What every run of the script begins with. One run is one batch: all that one process asks for in one turn of its event loop,
 * in order, as one atomic step. Keys are under one hash tag, so that all of them live on one primary.
 *
 * The epoch is looked at first: after a loss of Redis's memory nothing is decided until the counters are rebuilt. Batches of
 * one process are numbered and taken once each, in order, however often they arrive.
 */
export const PRELUDE = String.raw`
local epoch, me, mode, number = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local overtakeMs, leaseMs, doubtMs, keepMs = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local call, pack, unpack, floor = redis.call, cmsgpack.pack, cmsgpack.unpack, math.floor
local P = '{c}:' .. epoch .. ':'
local current = call('GET', KEYS[1])
if mode == 'j' then
  if current and tonumber(current) > tonumber(epoch) then return 'E' end
elseif current ~= epoch then return 'E' end
local clock = call('TIME')
local real = tonumber(clock[1]) * 1000 + floor(tonumber(clock[2]) / 1000)
local now = tonumber(ARGV[5]) or real
local members, numbers, myHolds = P .. 'members', P .. 'numbers', P .. 'h:' .. me
-- Nobody waited for this process's word until now: it is new, or it lost its lease.
local wasOut = false
if mode == 'j' then
  -- Something that was sent before came after the question what was done last: that has to be asked again.
  local last = call('HGET', numbers, me) or call('GET', P .. 'n:' .. me) or 0
  if tonumber(last) ~= tonumber(ARGV[11]) then return 'E' end
  wasOut = not call('ZSCORE', members, me)
  call('ZADD', members, real + leaseMs, me)
else
  if not call('ZSCORE', members, me) then return 'F' end
  local last = tonumber(call('HGET', numbers, me)) or 0
  if number <= last then return 'D' end
  if number > last + 1 then return 'G' end
end
call('HSET', numbers, me, number)

local mine = {}
local function step() return call('INCR', P .. 'seq') end
local function text(amount) return string.format('%.0f', amount) end
local function minus(amount) return amount == '0' and '0' or '-' .. amount end
`;
