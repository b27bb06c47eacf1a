# SPDX-License-Identifier: Apache-2.0
"""Where things lie."""

from __future__ import annotations

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
APPS = BENCH / "apps"
LUA = BENCH / "lua"
RESULTS = BENCH / "results"
BUILD = ROOT / "build" / "bench"  # what the bench makes for itself
BIN = Path(sys.executable).parent
VENV = BIN.parent
