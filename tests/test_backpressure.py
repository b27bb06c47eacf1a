# SPDX-License-Identifier: Apache-2.0
"""Neither a slow reader nor a slow application makes the worker's memory grow."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from conftest import watch
from harness import process
from harness.client import Client
from harness.process import KIB, MIB
from harness.serve import Serve
from harness.site import Site, mounts

SIZES = [pytest.param(128, id="128MiB"), pytest.param(1024, id="1GiB", marks=pytest.mark.long)]
ROOM = 16 * MIB
PIECE = b"0123456789abcdef" * 4096  # 64 KiB
APPS = ["hello", "input_digest", "input_echo", "body_huge", "file_sparse"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose memory is all known."""
    args = ("--body-limit", "4G")
    with Serve(tmp_path_factory.mktemp("pressure"), mounts(APPS), *args) as serve:
        watch("pressure", serve.log)
        yield serve.site()


@dataclass
class Watch:
    """The worker's memory before and, at most, during something."""

    idle: int
    most: int = 0

    @property
    def grown(self) -> int:
        """By how much it grew."""
        return self.most - self.idle


def memory_during(site: Site, work: Callable[[], None]) -> Watch:
    """Run something and watch the worker."""
    for _ in range(200):
        site.get("/hello")
    (pid,) = site.workers()
    found = Watch(process.rss(pid))
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            found.most = max(found.most, process.rss(pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        work()
    finally:
        ended.set()
        watcher.join()
    return found


@pytest.mark.parametrize("mib", SIZES)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_upload_that_is_read_slowly(site: Site, mib: int, chunked: bool) -> None:
    digest = hashlib.sha256(PIECE * 16 * mib if mib < 200 else b"")
    if mib >= 200:
        for _ in range(16 * mib):
            digest.update(PIECE)
    result: dict[str, object] = {}

    def upload() -> None:
        with site.client(120) as client:
            framing = ("Transfer-Encoding", "chunked")
            if not chunked:
                framing = ("Content-Length", str(mib * MIB))
            client.start("POST", f"/input_digest?pause={1.5 / mib}", [framing])
            for _ in range(16 * mib):
                client.send(b"10000\r\n" + PIECE + b"\r\n" if chunked else PIECE)
            client.send(b"0\r\n\r\n" if chunked else b"")
            result.update(client.response().json())

    watched = memory_during(site, upload)
    assert result == {"size": mib * MIB, "sha256": digest.hexdigest()}
    assert watched.grown < ROOM


@pytest.mark.parametrize("mib", SIZES)
@pytest.mark.parametrize("target", ["/body_huge?length=1&mib=", "/body_huge?mib="])
def test_download_that_is_read_slowly(site: Site, mib: int, target: str) -> None:
    watched = memory_during(site, lambda: download(site, target + str(mib), mib * MIB))
    assert watched.grown < ROOM


@pytest.mark.parametrize("mib", SIZES)
def test_file_that_is_read_slowly(site: Site, mib: int) -> None:
    target = f"/file_sparse?size={mib * MIB}"
    watched = memory_during(site, lambda: download(site, target, mib * MIB))
    assert watched.grown < ROOM


def download(site: Site, target: str, size: int) -> None:
    """Read a response in fits and starts, through a small window."""
    with site.client(120) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        client.start("GET", target)
        response = client.start_response()
        got, pause = 0, size // 20
        for part in client.parts(response):
            if got // pause != (got + len(part)) // pause:
                time.sleep(0.05)
            got += len(part)
        assert response.complete
        assert got == size


def test_the_application_is_held_back(site: Site) -> None:
    """What nobody takes is not asked for: the generator stands still."""
    with site.client(30) as client:
        client.start("GET", "/body_huge?mib=512")
        client.start_response()
        process.eventually(lambda: stands_still(site), "the application waits for the client")
        assert site.get("/body_huge?sent").json() < 32 * MIB


def stands_still(site: Site) -> bool:
    """Whether the application made no progress for a while."""
    before = site.get("/body_huge?sent").json()
    time.sleep(0.2)
    return bool(before and site.get("/body_huge?sent").json() == before)


def test_the_client_is_held_back(site: Site) -> None:
    """What the application does not read is not taken from the client."""
    with site.client(30) as client:
        size = 512 * MIB
        client.start("POST", "/input_digest?pause=1000", [("Content-Length", str(size))])
        client.socket.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += client.socket.send(PIECE)
        assert sent < 32 * MIB


def test_many_slow_downloads(site: Site) -> None:
    def ask() -> None:
        clients = [site.client(60) for _ in range(8)]
        for client in clients:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
            client.start("GET", "/body_huge?mib=16&length=1")
        time.sleep(0.5)
        for client in clients:
            assert client.response().complete
            client.close()

    assert memory_during(site, ask).grown < ROOM


def send_pieces(client: Client, count: int) -> None:
    """Send so many pieces of a body."""
    for _ in range(count):
        client.send(PIECE)


def test_echo_in_both_directions(site: Site) -> None:
    """An application that answers while it reads, and a client that reads while it sends."""
    size = 64 * MIB

    def echo() -> None:
        with site.client(60) as client:
            client.start("POST", "/input_echo", [("Content-Length", str(size))])
            sender = threading.Thread(target=send_pieces, args=(client, size // len(PIECE)))
            sender.start()
            response = client.response()
            sender.join()
            assert response.complete
            assert response.body == PIECE * (size // len(PIECE))

    assert memory_during(site, echo).grown < ROOM
