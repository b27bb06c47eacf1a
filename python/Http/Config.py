# SPDX-License-Identifier: Apache-2.0
"""How pages behave. A site changes this with a Config.py of its own, or while Isapi is imported."""

from collections.abc import Callable

# Look at each page's file at every request, not once a second.
Debug: bool = False

# Bytes of a response that are kept until it ends; None: everything is sent as it is written.
# From 64 to 131072.
BufferSize: int | None = 131072

# Keep the connection for further requests, where the client wants that.
KeepAlive: bool = True

# Headers of responses that have none of that name, and headers of all responses.
DefaultHeaders: list[str] = ["Content-Type: text/html; charset=utf-8"]
StaticHeaders: list[str] = []

# Which interpreter serves a request: None, the main one; the name of a variable of Env, such as
# "SERVER_NAME": one for each of its values; or a function without arguments that returns a name,
# or None for the main one.
InterpreterMap: str | Callable[[], str | None] | None = None

# How many interpreters that may make.
InterpreterLimit: int = 16
