# SPDX-License-Identifier: Apache-2.0
"""A log that is full becomes an older one, with several processes that write to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harness import process, windows
from harness.serve import Serve

COUNT, SIZE = 3000, 64 * 1024


def test_no_line_is_lost(serve: Callable[..., Serve], tmp_path: Path) -> None:
    log = tmp_path / "access.txt"
    args = ["--access-log", "combined", "--access-log-file", windows.native(log),
            "--log-size", "64K", "--log-keep", "50", "--workers", "2"]  # fmt: skip
    server = serve("hello:app", *args)
    for number in range(0, COUNT, 100):
        with server.client() as client:
            for n in range(number, number + 100):
                assert client.get(f"/{n}?{'x' * 100}").status == 200
    last = f"GET /{COUNT - 1}?"  # its line is written when it has its answer
    process.eventually(lambda: last in log.read_text(), "the last line is written")
    server.stop()
    files = [log, *tmp_path.glob("access.txt.*")]
    assert len(files) > 3
    assert all(file.stat().st_size < 3 * SIZE for file in files)
    text = "".join(file.read_text() for file in files)
    found = [int(n) for n in re.findall(r'"GET /(\d+)\?', text)]
    assert sorted(found) == list(range(COUNT))
