# SPDX-License-Identifier: Apache-2.0
"""Which process and which thread serve the request."""

from __future__ import annotations

import os
import threading

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    return send_json(start_response, {"pid": os.getpid(), "thread": threading.get_ident()})
