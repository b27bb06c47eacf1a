# SPDX-License-Identifier: Apache-2.0
"""warnings.warn()."""

from __future__ import annotations

import warnings

from tools import Body, Environ, StartResponse, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("warned-of-this", UserWarning, stacklevel=1)
    return send_text(start_response, environ["pyisapie.request_id"])
