# SPDX-License-Identifier: Apache-2.0
"""Makes what the site needs and does not ship: a secret key, the database, an administrator.

Several worker processes start at the same time, so each step runs under a lock. The lock is an
SQLite transaction: it works on every system and ends with the process.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT = 60  # seconds for another process to finish

ADMIN_NAME = "admin"
ADMIN_PASSWORD = "admin"  # the front page says so


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Keep other processes out."""
    data.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(data / "prepare.lock", timeout=WAIT, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


def secret_key(data: Path) -> str:
    """The key that signs sessions, made at the first start."""
    path = data / "secret_key"
    with only_one(data):
        if not path.exists():
            path.write_text(secrets.token_urlsafe(50), "ascii")
        return path.read_text("ascii")


def database(data: Path) -> None:
    """Bring the database up to date and make the administrator."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    with only_one(data):
        call_command("migrate", verbosity=0, interactive=False)
        users = get_user_model().objects
        if not users.filter(username=ADMIN_NAME).exists():
            users.create_superuser(ADMIN_NAME, "admin@example.org", ADMIN_PASSWORD)
