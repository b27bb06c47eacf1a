#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the version, which include/pyisapie/version.h holds."""

import re
from pathlib import Path

header = Path(__file__).resolve().parent.parent / "include/pyisapie/version.h"
match = re.search(r'#define PIE_VERSION "([^"]+)"', header.read_text())
if not match:
    raise SystemExit(f"{header} names no PIE_VERSION")
print(match[1])
