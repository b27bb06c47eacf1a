# SPDX-License-Identifier: Apache-2.0
"""The handler of all requests. A site may have an Isapi.py of its own, with another Request().

It takes nothing. When it returns exactly True, the server answers the request itself; any other
value ends it.
"""

from .Pages import Request as Request
