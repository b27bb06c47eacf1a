-- SPDX-License-Identifier: Apache-2.0
-- 16 requests at once.
require("check")
local check_init, all = init, nil

function init(args)
  check_init(args)
  all = string.rep(wrk.format("GET", wrk.path), 16)
end

function request() return all end
