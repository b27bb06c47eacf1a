# SPDX-License-Identifier: Apache-2.0
"""PyISAPIe: Python behind ISAPI, in IIS, in Apache's mod_isapi, and in a host of its own."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class RequestTimeout(BaseException):
    """Raised in a thread whose request takes longer than the setting request-timeout.

    It is no Exception, so that an application's general ``except Exception`` does not stop it.
    The client has been answered 504 by then.
    """


def pass_to_server(environ: "Mapping[str, Any]", url: str | None = None) -> list[bytes]:
    """Have the web server itself answer the request that this thread serves, on IIS.

    With what it has at url, a path on the same site such as "/static/logo.png", or at the
    request's own path. To be called instead of start_response, and returned from the application::

        return pyisapie.pass_to_server(environ)

    NotImplementedError where the server cannot take a request back; RuntimeError when the response
    has begun, or outside a request; ValueError for what is no such path; OSError when the server
    has failed to answer.
    """
    from pyisapie import _engine

    _engine.pass_on(url)
    return []


if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from pyisapie import _engine

            return _engine.version
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["RequestTimeout", "__version__", "pass_to_server"]
