# SPDX-License-Identifier: Apache-2.0
"""A crash leaves Python's stack in a file, and another process serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process, windows
from harness.client import NoResponse
from harness.paths import TEST_MODE
from harness.serve import Serve
from harness.site import Site


@pytest.mark.skipif(
    TEST_MODE == "isolated",
    reason="faulthandler shows the main interpreter only; test_modes.py has what remains",
)
def test_a_crash_leaves_a_stack(serve: Callable[..., Serve], tmp_path: Path) -> None:
    log = tmp_path / "crash.log"
    site = serve("crash:app", "--crash-log", windows.native(log)).site()
    with pytest.raises((NoResponse, ConnectionError)):
        site.get("/")
    process.eventually(lambda: "crash.py" in log.read_text(), "the stack is in the file")
    assert "in fall" in log.read_text()
    process.eventually(lambda: _stands(site), "another process serves")


def _stands(site: Site) -> bool:
    try:
        return site.get("/?not").body == b"standing"
    except (NoResponse, ConnectionError):
        return False


def test_a_crash_log_that_cannot_be_written_is_told(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    server = serve("hello:app", "--crash-log", windows.native(tmp_path / "none" / "crash.log"))
    assert server.site().get("/").status == 200
    assert "crash-log" in server.log.text()
