# SPDX-License-Identifier: Apache-2.0
"""Who asks, on IIS: the user's Windows token, and to act as that user.

with pyisapie.windows.impersonate(environ):
    text = open(r"\\\\server\\share\\of-the-user.txt").read()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyisapie import _engine

__all__ = ["TOKEN_KEY", "Token", "impersonate", "whoami"]

TOKEN_KEY = "pyisapie.windows_token"


class Token:
    """The token of the user whose request this thread serves: environ["pyisapie.windows_token"].

    It asks the server only when it is used, and only on the thread that serves the request.
    """

    __slots__ = ()

    @property
    def handle(self) -> int:
        """The HANDLE, 0 where there is none. It is the server's: never close it; it ends with
        the request, so whoever keeps it keeps a duplicate (DuplicateTokenEx).

        RuntimeError on a thread that serves no request.
        """
        return _engine.windows_token()

    def __int__(self) -> int:
        return self.handle

    def __repr__(self) -> str:
        return "<pyisapie.windows.Token: the user of the request>"


@contextmanager
def impersonate(environ: Mapping[str, Any]) -> Iterator[None]:
    """Within the block this thread acts as the user who asks: files, shares, databases.

    It ends with the block, and at the latest with the request. Other threads, such as those that
    the block starts, act as the account of the application pool.

    OSError where the server gives no token (only IIS does); RuntimeError outside a request.
    """
    if TOKEN_KEY not in environ:
        raise OSError("the web server gives no token of the user: only IIS does")
    _engine.impersonate(True)
    try:
        yield
    finally:
        _engine.impersonate(False)


def whoami() -> str:
    """The account that this thread acts as: r"DOMAIN\\user". OSError where there is none."""
    return _engine.whoami()
