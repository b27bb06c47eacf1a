# SPDX-License-Identifier: Apache-2.0
"""The logging module, as it is without any configuration, and with a StreamHandler."""

from __future__ import annotations

import logging

from tools import Body, Environ, StartResponse, send_text

logger = logging.getLogger("log_logging")
configured = logging.getLogger("log_logging.configured")
configured.propagate = False
configured.setLevel(logging.INFO)
configured.addHandler(logging.StreamHandler())


def app(environ: Environ, start_response: StartResponse) -> Body:
    logger.warning("logging-warning %s", "with arguments")
    configured.info("logging-info")
    try:
        raise ValueError("logged with its traceback")
    except ValueError:
        configured.exception("logging-exception")
    return send_text(start_response, environ["pyisapie.request_id"])
