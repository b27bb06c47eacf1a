# SPDX-License-Identifier: Apache-2.0
"""The servers: how each is started, and whether it can be had here.

All get one worker process on one core and, where they have them, 16 threads that run requests.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from bench import httpd
from bench.build import MissingError, compiled
from bench.paths import BIN
from bench.work import Work

THREADS = "16"
FEW = ("hello", "hello-1", "hello-1000", "pipelined")  # what the bare responder can do


@dataclass(frozen=True)
class Server:
    """A server under test.

    Its command is made by a function that raises MissingError; {port}, {app} and {backend} in it
    are replaced. A backend is a second process, on a port of its own.
    """

    name: str
    package: str | None
    make: Callable[[], list[str]]
    backend: list[str] = field(default_factory=list)
    only: tuple[str, ...] = ()  # the work that it can do; empty: all
    apache: bool = False
    cores: int = 1

    def version(self) -> str:
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            raise MissingError(f"{self.package} is not installed") from None

    def does(self, work: Work) -> bool:
        if work.ours and self.name != OURS:
            return False
        return work.apache == self.apache and (not self.only or work.name in self.only)


def bare() -> list[str]:
    return [str(compiled("bench-bare", "bare.c")), "{port}"]


def program(name: str, *options: str) -> Callable[[], list[str]]:
    """A command of the environment."""

    def make() -> list[str]:
        if not (BIN / name).exists():
            raise MissingError(f"{name} is not installed")
        return [str(BIN / name), *options]

    return make


def started(name: str) -> Callable[[], list[str]]:
    """A server that bench/apps/start.py starts."""

    def make() -> list[str]:
        if not importlib.util.find_spec(name):
            raise MissingError(f"{name} is not installed")
        return [sys.executable, "start.py", name, "{app}", "{port}"]

    return make


GUNICORN = ("-k", "gthread", "--threads", THREADS, "--keep-alive", "60", "--log-level", "warning")


# ---- the table ----

OURS = "pyisapie"
BARE = "bare"
APACHE_OURS = "httpd+pyisapie"
APACHE_BARE = "httpd+bare"

SERVERS = (
    Server(BARE, None, bare, only=FEW),
    Server(OURS, "pyisapie", program("pyisapie", "serve", "{app}", "--bind", "127.0.0.1:{port}")),
    Server("fastpysgi", "fastpysgi", started("fastpysgi")),
    Server("bjoern", "bjoern", started("bjoern")),
    Server("granian", "granian", program(
        "granian", "--interface", "wsgi", "--port", "{port}", "--no-access-log",
        "--blocking-threads", THREADS, "{app}")),
    Server("gunicorn", "gunicorn", program(
        "gunicorn", *GUNICORN, "-b", "127.0.0.1:{port}", "{app}")),
    # A thread of uWSGI serves one connection until its end: hence as many as there are connections.
    Server("uwsgi", "uwsgi", program(
        "uwsgi", "--http11-socket", "127.0.0.1:{port}", "--threads", "64", "--listen", "1024",
        "--disable-logging", "--die-on-term", "--module", "{app}")),
    Server("waitress", "waitress", program(
        "waitress-serve", "--port={port}", "--host=127.0.0.1", f"--threads={THREADS}",
        "--connection-limit=2000", "--asyncore-use-poll", "{app}")),
    Server(APACHE_BARE, None, httpd.command(httpd.bare_isapi, "BARE"), apache=True),
    Server(APACHE_OURS, "pyisapie", httpd.command(httpd.door, "PYISAPIE"), apache=True),
    Server("httpd+mod_wsgi", "mod_wsgi", httpd.command(
        httpd.mod_wsgi, "MOD_WSGI", "EMBEDDED"), apache=True),
    Server("httpd+mod_wsgi-daemon", "mod_wsgi", httpd.command(
        httpd.mod_wsgi, "MOD_WSGI", "DAEMON"), apache=True),
    Server("httpd+gunicorn", "gunicorn", httpd.command(dict, "PROXY"), apache=True, backend=[
        str(BIN / "gunicorn"), *GUNICORN, "-b", "127.0.0.1:{backend}", "{app}"]),
)  # fmt: skip
