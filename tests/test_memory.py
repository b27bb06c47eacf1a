# SPDX-License-Identifier: Apache-2.0
"""Many requests leave memory as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import watch
from harness import process
from harness.client import build
from harness.paths import APPS as ROOT
from harness.process import KIB, MIB
from harness.serve import Serve
from harness.site import IIS, Site, mounts

WARM_UP, REQUESTS, BATCH = 20_000, 100_000, 50
APPS = ["hello", "environ_json", "input_echo", "body_forms", "body_raises", "header_any"]
LUA = 'wrk.headers["X-Name"] = "value"\nwrk.headers["Cookie"] = "a=b; c=d"\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own: others must not disturb the figures."""
    with Serve(tmp_path_factory.mktemp("memory"), mounts(APPS)) as serve:
        watch("memory", serve.log)
        yield serve.site()


def hammer(site: Site, requests: list[bytes], count: int) -> None:
    """Send requests in pipelined batches over one connection."""
    data = b"".join(requests[n % len(requests)] for n in range(BATCH))
    with site.client(60) as client:
        for _ in range(count // BATCH):
            client.send(data)
            for _ in range(BATCH):
                assert client.response().complete


def grown(site: Site, requests: list[bytes], count: int) -> int:
    """By how much the worker's own memory grows over so many requests, after a warm-up."""
    (pid,) = site.workers()
    hammer(site, requests, WARM_UP)
    before = process.private(pid)
    hammer(site, requests, count)
    assert site.workers() == [pid], "the worker was replaced"
    return process.private(pid) - before


def test_plain_requests(site: Site) -> None:
    assert grown(site, [build("GET", "/hello")], REQUESTS) < MIB


def test_requests_of_many_kinds(site: Site) -> None:
    requests = [
        build("GET", "/environ_json/a%20b?c=d", [("Cookie", "a=b"), ("X-Unusual-Name", "v")]),
        build("POST", "/input_echo", [], b"x" * 1000),
        build("GET", "/body_forms?form=generator"),
        build("GET", "/header_any?name=X-Some&value=thing"),
        build("HEAD", "/hello"),
        build("GET", "/nothing/here"),
    ]
    requests = [request for request in requests if not request.startswith(b"HEAD")]
    assert grown(site, requests, REQUESTS // 4) < MIB


def test_requests_as_on_iis(tmp_path: Path) -> None:
    """Asynchronous reads and sends."""
    env = {"PYISAPIE_APP": mounts(APPS), "PYISAPIE_ROOT": str(ROOT)}
    with Serve(tmp_path / "iis", mounts(APPS), "--quirks", "iis", env=env) as serve:
        requests = [build("GET", "/hello"), build("POST", "/input_echo", [], b"x" * 100_000)]
        assert grown(serve.site(IIS), requests, REQUESTS // 20) < MIB


def test_failing_requests(site: Site) -> None:
    requests = [build("GET", f"/body_raises?where={where}") for where in ("before", "first")]
    assert grown(site, requests, REQUESTS // 10) < MIB


def test_new_connections(site: Site) -> None:
    def connect(count: int) -> None:
        for _ in range(count):
            assert site.get("/hello").status == 200

    (pid,) = site.workers()
    connect(1000)
    before = process.private(pid)
    connect(5000)
    assert process.private(pid) - before < MIB


def test_many_connections_at_once(serve: Callable[..., Serve]) -> None:
    """With one malloc arena: with several, the same connections may come to lie in each of them."""
    site = serve("hello:app", env={"MALLOC_ARENA_MAX": "1"}).site()
    (pid,) = site.workers()

    def crowd() -> int:
        clients = [site.client() for _ in range(500)]
        for client in clients:
            client.start("GET", "/hello")
        for client in clients:
            assert client.response().status == 200
        used = process.private(pid)
        for client in clients:
            client.close()
        process.eventually(lambda: open_sockets(pid) < 10, "the connections are closed")
        return used

    before = process.private(pid)
    assert (crowd() - before) / 500 < 64 * KIB, "memory of an idle connection"
    for _ in range(10):
        crowd()
    idle = process.private(pid)
    for _ in range(10):
        crowd()
    assert process.private(pid) - idle < MIB


def open_sockets(pid: int) -> int:
    """How many sockets the process has open."""
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(link).startswith("socket:")
    return count


def test_clients_that_go_early(serve: Callable[..., Serve]) -> None:
    site = serve("hello:app", "--connections", "50", env={"MALLOC_ARENA_MAX": "1"}).site()
    (pid,) = site.workers()

    def go(count: int) -> None:
        for number in range(count):
            client = site.client()
            client.send(build("GET", "/hello") if number % 2 else b"GET /hello HTT")
            client.reset()
        assert site.get("/hello").status == 200
        process.eventually(lambda: open_sockets(pid) < 10, "no socket is left open")

    go(1000)
    before = process.private(pid)
    go(3000)
    assert process.private(pid) - before < MIB


@pytest.mark.long
def test_under_wrk(site: Site, tmp_path: Path) -> None:
    wrk = shutil.which("wrk")
    if not wrk:
        pytest.skip("wrk is not installed")
    script = tmp_path / "headers.lua"
    script.write_text(LUA)
    (pid,) = site.workers()

    def run(seconds: int) -> None:
        command = [wrk, "-t1", "-c64", f"-d{seconds}s", "-s", str(script), site.url + "/hello"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "Non-2xx" not in done.stdout
        assert "Socket errors" not in done.stdout

    run(5)
    before = process.private(pid)
    run(20)
    assert process.private(pid) - before < MIB
