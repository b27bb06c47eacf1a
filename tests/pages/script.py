# SPDX-License-Identifier: Apache-2.0
"""A script: it has no Request(), and runs anew for each request."""

import sys

from Http import Header

Header("Content-Type: text/plain; charset=utf-8")
first = sys.stdin.readline()
print(f"{__name__}: {first.strip()}, then {sys.stdin.read().strip()}")
sys.stdout.buffer.write(b"bytes\n")
print("to the log", file=sys.stderr)
count = globals().get("count", 0) + 1
print(count, __file__ == __target__)  # noqa: F821
