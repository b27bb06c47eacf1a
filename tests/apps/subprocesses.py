# SPDX-License-Identifier: Apache-2.0
"""Starts a program and reads what it prints."""

from __future__ import annotations

import subprocess
import sys

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    base = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [base, "-c", "print(6 * 7)"], capture_output=True, text=True, timeout=30, check=False
    )
    return send_json(start_response, [done.returncode, done.stdout.strip()])
