# SPDX-License-Identifier: Apache-2.0
from Http import Write


def Index() -> None:
    Write(
        "<!doctype html><html lang=en><title>Admin</title><h1>Admin</h1>"
        '<p><a href="/admin/reports/posts.csv">posts.csv</a>\n'
    )
