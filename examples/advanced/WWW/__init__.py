# SPDX-License-Identifier: Apache-2.0
"""The site's functions: Index of this package, and more in its modules."""

from Http import Write


def Index() -> None:
    Write(
        "<!doctype html><html lang=en><title>Advanced</title><h1>URL maps</h1>"
        '<p><a href="/blog/">Blog</a>, <a href="/admin/">admin</a>\n'
    )
