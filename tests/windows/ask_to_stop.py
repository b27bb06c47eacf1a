# SPDX-License-Identifier: Apache-2.0
"""Asks a process of ours to stop, as a service manager does on Windows."""

import sys

from pyisapie import _engine

print(_engine.ask_to_stop(int(sys.argv[1])))
