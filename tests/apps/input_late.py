# SPDX-License-Identifier: Apache-2.0
"""Leaves a thread behind that still reads the body when the response is there."""

import threading
import time
from collections.abc import Iterable
from typing import Any

ended: dict[str, str] = {}


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    name = environ["QUERY_STRING"]
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [ended.get(name, "").encode()]
    body = environ["wsgi.input"]

    def read() -> None:
        try:
            ended[name] = f"read {len(body.read(10))}"
        except (OSError, RuntimeError, ValueError) as error:
            ended[name] = type(error).__name__

    threading.Thread(target=read).start()
    time.sleep(0.1)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"early"]
