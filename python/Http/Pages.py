# SPDX-License-Identifier: Apache-2.0
"""The pages of the site's folder, for handlers that answer some requests otherwise.

from Http import Env, Pages

def Request():
    if Env.URL == "/status":
        return Write("well")
    return Pages.Request()
"""

from pyisapie._engine import page_pages


def Request() -> object:
    """Answer with the page that the URL leads to; True where it leads to another file."""
    return page_pages().serve()
