# SPDX-License-Identifier: Apache-2.0
"""Logs of servers, read while they grow."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from harness import windows

# "<time> <pid> LEVEL [request-id] text"; httpd puts nothing before what the door writes to stderr.
ENTRY = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\d\S*(?: \d\S*)?) (?P<pid>\d+) "
    r"(?P<level>ERROR|WARNING|INFO|DEBUG|APP) (?:\[(?P<id>[0-9a-f-]+)\] )?(?P<text>.*)$"
)
CONTINUED = "    "
WAIT = 10.0


@dataclass
class Entry:
    """One entry of the error log; text holds its continuation lines, too."""

    level: str
    pid: int
    request_id: str
    text: str


class Log:
    """One log file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, since: int = 0) -> str:
        """What the file holds from a mark on."""
        windows.settle(self.path)
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "backslashreplace")

    def mark(self) -> int:
        """The end of the file as it is now."""
        windows.settle(self.path)
        return self.path.stat().st_size if self.path.exists() else 0

    def entries(self, since: int = 0) -> list[Entry]:
        """The entries from a mark on."""
        found: list[Entry] = []
        for line in self.text(since).splitlines():
            match = ENTRY.match(line)
            if match:
                found.append(
                    Entry(match["level"], int(match["pid"]), match["id"] or "", match["text"])
                )
            elif found and line.startswith(CONTINUED):
                found[-1].text += "\n" + line.removeprefix(CONTINUED)
        return found

    def wait(self, pattern: str, since: int = 0, timeout: float = WAIT) -> re.Match[str]:
        """The first match of a pattern, which may take a while to come."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text(since), re.MULTILINE)
            if match:
                return match
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the log has no {pattern!r} after {timeout} s; it has:\n{self.text(since)}"
                )
            time.sleep(0.02)

    def wait_entry(self, pattern: str, since: int = 0, timeout: float = WAIT) -> Entry:
        """The first entry whose text matches."""
        deadline = time.monotonic() + timeout
        while True:
            for entry in self.entries(since):
                if re.search(pattern, entry.text):
                    return entry
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"no log entry matches {pattern!r}; the log:\n{self.text(since)}"
                )
            time.sleep(0.02)
