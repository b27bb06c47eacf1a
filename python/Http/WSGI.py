# SPDX-License-Identifier: Apache-2.0
"""WSGI applications within a handler.

from Http.WSGI import RunWSGI

def Request():
    if Env.URL.startswith("/media/"):
        return True  # the server sends the file
    RunWSGI(application)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PyISAPIe import Header, Write
from pyisapie._engine import run_wsgi, wsgi_environ

NOT_HERE = "404 Not Found: no application is mounted here.\n"


def RunWSGI(Application: Callable[..., Iterable[bytes]], Base: str = "/") -> None:
    """Answer the request with a WSGI application (PEP 3333).

    Base: the path at which it lies: SCRIPT_NAME, and PATH_INFO is what follows. Requests for other
    paths are answered 404. Raises what the application raises, and Exception when the response has
    begun already.
    """
    if not run_wsgi(Application, Base):
        Header("Content-Type: text/plain; charset=utf-8", Status=404)
        Write(NOT_HERE)


def IsapiEnv(Base: str = "/") -> dict[str, Any]:
    """The environ of the request for a WSGI application at Base.

    LookupError when the path is not below Base.
    """
    environ = wsgi_environ(Base)
    if environ is None:
        raise LookupError(f"the request's path is not below {Base!r}")
    return environ


def StartResponse(
    status: str, headers: list[tuple[str, str]], exc_info: object = None
) -> Callable[[bytes], None]:
    """start_response for calling an application by hand; what it returns is Write.

    for part in Application(IsapiEnv(), StartResponse): Write(part)
    """
    code, _, reason = status.partition(" ")
    Header([f"{name}: {value}" for name, value in headers], Status=(int(code), reason))
    return Write
