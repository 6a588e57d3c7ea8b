-- Arguments after --: a file of keys (one a line), a file with the body, then extra headers "name: value".
-- The requests are formatted once, so that wrk stays cheaper than what it measures.
local ready, at = {}, 0

function init(args)
  local body = assert(io.open(args[2], "rb")):read("*a")
  local extra = {}
  for i = 3, #args do
    local name, value = args[i]:match("^([^:]+):%s*(.*)$")
    extra[name] = value
  end
  for key in io.lines(args[1]) do
    local headers = { ["content-type"] = "application/json", ["authorization"] = "Bearer " .. key }
    for name, value in pairs(extra) do headers[name] = value end
    ready[#ready + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  at = at % #ready + 1
  return ready[at]
end

function done(summary, latency)
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p90Ms":%.4f,"p99Ms":%.4f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000,
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
