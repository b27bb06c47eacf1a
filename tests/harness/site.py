# SPDX-License-Identifier: Apache-2.0
"""One site on one running server, whoever the server is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness import windows
from harness.client import TIMEOUT, Address, Client, Headers, Response
from harness.logs import Log
from harness.paths import APPS

OURS, QUIRKS, IIS, APACHE = "ours", "quirks", "iis", "apache"
HOSTS: tuple[str, ...] = (OURS, QUIRKS, IIS) if windows.NAME else (OURS, QUIRKS, IIS, APACHE)
if windows.NAME and not os.environ.get("TEST_ALL"):
    HOSTS = (OURS, IIS)  # mod_isapi itself has its turn in ./dev test windows-httpd
if os.environ.get("TEST_HOSTS"):
    HOSTS = tuple(os.environ["TEST_HOSTS"].split(","))
if windows.HTTPD:
    HOSTS = (APACHE,)  # the others have had their turn


@dataclass
class Site:
    """Where a site answers, and where its server writes."""

    server: str  # one of HOSTS
    address: Address
    host: str  # the Host field that selects it
    log: Log
    workers: Callable[[], list[int]]  # the processes that run Python
    mount: str = ""

    @property
    def is_apache(self) -> bool:
        """Real httpd."""
        return self.server == APACHE

    @property
    def like_apache(self) -> bool:
        """httpd, or our host behaving as its mod_isapi does."""
        return self.server in (QUIRKS, APACHE)

    def client(self, timeout: float = TIMEOUT) -> Client:
        """A new connection."""
        return Client(self.address, timeout, self.host)

    def request(
        self, method: str, target: str, headers: Headers = (), body: bytes = b""
    ) -> Response:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.request(method, target, headers, body)

    def get(self, target: str, headers: Headers = ()) -> Response:
        """One GET request on a connection of its own."""
        return self.request("GET", target, headers)

    def post(self, target: str, body: bytes, headers: Headers = ()) -> Response:
        """One POST request on a connection of its own."""
        return self.request("POST", target, headers, body)

    @property
    def url(self) -> str:
        """Its address for other clients."""
        assert not isinstance(self.address, str)
        host, port = self.address
        if self.is_apache:  # its sites are told apart by name; *.localhost is this machine
            host = self.host
        return f"http://{'[' + host + ']' if ':' in host else host}:{port}"


def modules(folder: Path = APPS) -> list[str]:
    """The names of the tiny applications."""
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "tools")


def mounts(names: Iterable[str]) -> str:
    """Each application at a path of its own name."""
    return ",".join(f"/{name}={name}:app" for name in names)


def query(**values: object) -> str:
    """A query string."""
    return "?" + "&".join(f"{quote(k)}={quote(str(v), safe='')}" for k, v in values.items())
