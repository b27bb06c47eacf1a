# SPDX-License-Identifier: Apache-2.0
"""From paths to functions: a dict is a module, a text a function of it."""

from typing import Any

Map: dict[str, Any] = {
    "WWW": {
        r"^/$": "Index",
        "Blog": {
            r"^/blog/$": "List",
            r"^/blog/(\d{4})/([\w-]+)$": "Post",
        },
        "Admin": {
            r"^/admin/$": "Index",
            "Reports": {r"^/admin/reports/(\w+)\.csv$": "Report"},
        },
    },
}
