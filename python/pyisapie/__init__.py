# SPDX-License-Identifier: Apache-2.0
"""PyISAPIe: Python behind ISAPI, in IIS, in Apache's mod_isapi, and in a host of its own."""


class RequestTimeout(BaseException):
    """Raised in a thread whose request takes longer than the setting request-timeout.

    It is no Exception, so that an application's general ``except Exception`` does not stop it.
    The client has been answered 504 by then.
    """


def __getattr__(name: str) -> str:
    if name == "__version__":
        from pyisapie import _host

        return _host.version
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["RequestTimeout", "__version__"]
