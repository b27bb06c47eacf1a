# SPDX-License-Identifier: Apache-2.0
"""What Python this is, and what it finds its modules with."""

from __future__ import annotations

import sys

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    names = ("prefix", "base_prefix", "exec_prefix", "executable", "path", "argv")
    result = {name: getattr(sys, name) for name in names}
    result["version"] = list(sys.version_info[:3])
    result["streams"] = [type(s).__name__ for s in (sys.stdin, sys.stdout, sys.stderr)]
    return send_json(start_response, result)
