# SPDX-License-Identifier: Apache-2.0
"""A line each second: ticks.py?seconds=10."""

import time
from urllib.parse import parse_qs

from Http import DisableBuffer, Env, Header, Write

SECONDS_MAX = 60


def Request() -> None:
    wanted = parse_qs(Env.QUERY_STRING).get("seconds", ["10"])[0]
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
        Header("Content-Type: text/plain", Status=400)
        return Write("seconds must be a number\n")
    count = min(int(wanted), SECONDS_MAX)
    Header(["Content-Type: text/plain; charset=utf-8", "Cache-Control: no-store"])
    DisableBuffer()
    began = time.monotonic()
    for number in range(count + 1):
        time.sleep(max(0, began + number - time.monotonic()))
        try:
            Write(time.strftime("%H:%M:%S UTC\n", time.gmtime()))
        except ConnectionError:  # nobody looks any more
            break
    return None
