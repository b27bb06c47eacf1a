# SPDX-License-Identifier: Apache-2.0
"""PyISAPIe: Python behind ISAPI, in IIS, in Apache's mod_isapi, and in a host of its own."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pyisapie")
except PackageNotFoundError:  # used from a folder, without installation
    __version__ = "unknown"


class RequestTimeout(BaseException):
    """Raised in a thread whose request takes longer than the setting request-timeout.

    It is no Exception, so that an application's general ``except Exception`` does not stop it.
    The client has been answered 504 by then.
    """


__all__ = ["RequestTimeout", "__version__"]
