# SPDX-License-Identifier: Apache-2.0
"""How responses are; what is not said here is as in PyISAPIe's own Http/Config.py."""

DefaultHeaders = ["Content-Type: text/html; charset=utf-8", "Cache-Control: no-cache"]
StaticHeaders = [
    "X-Content-Type-Options: nosniff",
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'",
]
BufferSize = 65536
