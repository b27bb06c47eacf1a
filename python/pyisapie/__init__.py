# SPDX-License-Identifier: Apache-2.0
"""PyISAPIe: Python behind ISAPI, in IIS, in Apache's mod_isapi, and in a host of its own."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pyisapie")
except PackageNotFoundError:  # used from a folder, without installation
    __version__ = "unknown"

__all__ = ["__version__"]
