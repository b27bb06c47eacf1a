# SPDX-License-Identifier: Apache-2.0
"""The entries, in SQLite."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATA = Path(os.environ.get("GUESTBOOK_DATA") or Path(__file__).parent / "data")
SHOWN = 50

TABLE = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL, time INTEGER NOT NULL
)
"""


@contextmanager
def _open() -> Iterator[sqlite3.Connection]:
    """A connection for one request: connections cannot go from thread to thread."""
    DATA.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(DATA / "guestbook.sqlite3", timeout=20)
    try:
        connection.execute(TABLE)
        with connection:  # commits, or rolls back
            yield connection
    finally:
        connection.close()


def add(name: str, text: str) -> None:
    with _open() as connection:
        connection.execute(
            "INSERT INTO entries (name, text, time) VALUES (?, ?, ?)",
            (name, text, int(time.time())),
        )


def latest() -> list[tuple[str, str, int]]:
    """(name, text, time), the newest first."""
    with _open() as connection:
        rows = connection.execute(
            "SELECT name, text, time FROM entries ORDER BY id DESC LIMIT ?", (SHOWN,)
        )
        return rows.fetchall()
