# SPDX-License-Identifier: Apache-2.0
"""200,000 requests to the Windows binaries leave memory and handles as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import windows
from harness.client import build
from harness.paths import APPS as ROOT
from harness.process import MIB
from harness.serve import Serve
from harness.site import IIS, OURS, Site, mounts
from test_memory import WARM_UP, hammer

pytestmark = [
    pytest.mark.skipif(not windows.NAME, reason="of the Windows binaries"),
    pytest.mark.long,
]

REQUESTS = 100_000  # on each of two hosts
# Our host as IIS makes a thread for each asynchronous operation, and Wine keeps some bytes of each
# (20 a request; the same on Linux grows by none: test_memory.py).
MOST = {OURS: 2 * MIB, IIS: 6 * MIB}
APPS = ["hello", "environ_json", "input_echo", "body_forms", "file_kinds", "windows_process"]
KINDS = [
    *[build("GET", "/hello")] * 20,
    build("GET", "/environ_json/a%20b?c=d", [("Cookie", "a=b"), ("X-Unusual-Name", "v")]),
    build("POST", "/input_echo", [], b"x" * 1000),
    build("GET", "/body_forms?form=generator"),
    build("GET", "/nothing/here"),
]


def _figures(site: Site) -> dict[str, int]:
    figures: dict[str, int] = json.loads(site.get("/windows_process").body)
    return figures


@pytest.mark.parametrize("host", [OURS, IIS])
def test_memory_and_handles_stay(host: str, tmp_path: Path) -> None:
    env = {"PYISAPIE_APP": mounts(APPS), "PYISAPIE_ROOT": windows.path(ROOT)}
    args = ["--quirks", "iis"] if host == IIS else []
    with Serve(tmp_path / "serve", mounts(APPS), *args, env=env) as serve:
        site = serve.site(host)
        hammer(site, KINDS, WARM_UP)
        before = _figures(site)
        hammer(site, KINDS, REQUESTS)
        after = _figures(site)
    assert before["handles"] > 10
    assert before["memory"] > MIB
    assert after["pid"] == before["pid"]
    assert after["handles"] - before["handles"] < 10
    assert after["memory"] - before["memory"] < MOST[host]
