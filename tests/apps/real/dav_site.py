# SPDX-License-Identifier: Apache-2.0
"""WsgiDAV over the folder that DAV_ROOT names, with a user and a password."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from wsgidav.wsgidav_app import WsgiDAVApp

root = Path(os.environ.get("DAV_ROOT") or tempfile.mkdtemp())
root.mkdir(parents=True, exist_ok=True)

app = WsgiDAVApp(
    {
        "provider_mapping": {"/": str(root)},
        "mount_path": "/dav",
        "simple_dc": {"user_mapping": {"*": {"user": {"password": "secret"}}}},
        "http_authenticator": {"accept_basic": True, "accept_digest": True},
        "logging": {"enable": False},
        "verbose": 1,
    }
)
