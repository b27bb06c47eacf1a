# SPDX-License-Identifier: Apache-2.0
"""The sites in examples, as their own settings files say that they are served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import windows
from harness.httpd import Httpd, Unavailable, whole_vhost
from harness.logs import Log
from harness.paths import EXAMPLES
from harness.serve import Serve
from harness.site import APACHE, IIS, Site

UPLOAD_LIMIT = 300_000  # of the example upload


class Examples:
    """Starts each example once, from a copy: its data lies there."""

    def __init__(self, folder: Path, server: str, watch: Callable[[str, Log], None]) -> None:
        self.folder = folder
        self.server = server
        self.stack = ExitStack()
        self._watch = watch
        self._sites: dict[tuple[str, str], Site] = {}

    def site(self, name: str, app: str = "") -> Site:
        """An example; app: another application than its pyisapie.toml says."""
        key = (name, app)
        if key not in self._sites:
            self._sites[key] = self._start(name, app)
        return self._sites[key]

    def root(self, name: str) -> Path:
        """Where the copy of an example lies."""
        return self.folder / name

    def _start(self, name: str, app: str) -> Site:
        ignored = shutil.ignore_patterns("__pycache__", "data")
        root = self.root(name)
        if not root.exists():
            shutil.copytree(EXAMPLES / name, root, ignore=ignored)
        logs = self.folder / f"{name}-{len(self._sites)}"
        env = {"UPLOAD_LIMIT": str(UPLOAD_LIMIT)}
        if self.server == APACHE:
            return self._start_httpd(root, app, logs, env)
        if self.server == IIS:
            env |= {"PYISAPIE_ROOT": windows.native(root)}
            env |= {"PYISAPIE_APP": app} if app else {}
            www = root / "www"
            folder = windows.path(www) if windows.NAME else str(www)
            serve = Serve(logs, "", "--quirks", "iis", "--applications", f"/={folder}",
                          root=None, env=env)  # fmt: skip
        else:
            serve = Serve(logs, app, root=root, env=env)
        self._watch(logs.name, serve.log)
        return self.stack.enter_context(serve).site(self.server)

    def _start_httpd(self, root: Path, app: str, logs: Path, env: dict[str, str]) -> Site:
        try:
            httpd = Httpd(logs, {
                "SITE_NAME": "first.localhost", "SITE_APP": "", "SITE_ROOT": windows.native(root),
                "SITE_STATIC": windows.native(logs),
            }, whole_vhost("example.localhost", app, root), env)  # fmt: skip
            httpd.system.give(root)
            self.stack.enter_context(httpd)
        except Unavailable as error:
            pytest.skip(f"Apache: {error}")
        self._watch(logs.name, httpd.log)
        return httpd.site("example.localhost")
