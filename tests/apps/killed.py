# SPDX-License-Identifier: Apache-2.0
"""Kills its own process."""

from __future__ import annotations

import os

from tools import Body, Environ, StartResponse

KILL = 9  # which Windows' Python does not name: there it is the exit status


def app(environ: Environ, start_response: StartResponse) -> Body:
    os.kill(os.getpid(), KILL)
    return []
