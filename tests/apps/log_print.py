# SPDX-License-Identifier: Apache-2.0
"""print(): to the output, to the error stream, in parts, without an end."""

from __future__ import annotations

import sys

from tools import Body, Environ, StartResponse, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    print("printed-out", 1, 2)
    print("printed-err", 3, 4, file=sys.stderr)
    print("several", "words", "on", "one", "line", sep="-")
    sys.stdout.write("without an end")
    sys.stdout.flush()
    return send_text(start_response, environ["pyisapie.request_id"])
