-- SPDX-License-Identifier: Apache-2.0
-- 1 MB in the body; the answer is the same bytes.
require("check")
wrk.method = "POST"
wrk.body = string.rep("b", 1000000)
wrk.headers["Content-Type"] = "application/octet-stream"
