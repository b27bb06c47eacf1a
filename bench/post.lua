-- SPDX-License-Identifier: Apache-2.0
-- Prints the figures in one line: requests, microseconds, wrong answers, latencies.
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("RESULT %d %d %d %d %d %d", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end

-- 1 MB in the body
wrk.method = "POST"
wrk.body = string.rep("b", 1000000)
wrk.headers["Content-Type"] = "application/octet-stream"
