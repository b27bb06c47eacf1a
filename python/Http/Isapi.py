# SPDX-License-Identifier: Apache-2.0
"""The handler of all requests. A site may have an Isapi.py of its own, with another Request()."""

from pyisapie._engine import page_pages


def Request() -> object:
    """Answer with the page that the URL leads to; leave all other files to the server.

    A handler's Request() takes nothing. When it returns exactly True, the server answers the
    request itself; any other value ends it.
    """
    return page_pages().serve()
