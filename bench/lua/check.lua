-- SPDX-License-Identifier: Apache-2.0
-- Shared by all scripts: checks status and body of every answer against the file that the first
-- argument names, and prints the figures in one line: requests, microseconds, wrong answers and
-- failures, latencies in microseconds.
local threads = {}
local expected
wrong = 0

function setup(thread) table.insert(threads, thread) end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  expected = file:read("*a")
  file:close()
end

function response(status, headers, body)
  if status ~= 200 or body ~= expected then wrong = wrong + 1 end
end

function done(summary, latency, requests)
  local e = summary.errors
  local bad = e.connect + e.read + e.write + e.timeout
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  print(string.format("RESULT %d %d %d %d %d %d", summary.requests, summary.duration, bad,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
