# SPDX-License-Identifier: Apache-2.0
"""Modules of the standard library with C parts of their own, used a little."""

from __future__ import annotations

import asyncio
import ctypes
import decimal
import hashlib
import sqlite3
import ssl
import zlib

from tools import Body, Environ, StartResponse, send_json


async def _later() -> str:
    await asyncio.sleep(0.001)
    return "awaited"


def app(environ: Environ, start_response: StartResponse) -> Body:
    with sqlite3.connect(":memory:") as database:
        (row,) = database.execute("select 6 * 7").fetchone()
    result = {
        "asyncio": asyncio.run(_later()),
        "ctypes": ctypes.sizeof(ctypes.c_uint64),
        "decimal": str(decimal.Decimal("0.1") + decimal.Decimal("0.2")),
        "hashlib": hashlib.sha256(b"").hexdigest()[:8],
        "sqlite3": row,
        "ssl": ssl.create_default_context().verify_mode.name,
        "zlib": zlib.decompress(zlib.compress(b"zlib")).decode(),
    }
    return send_json(start_response, result)
