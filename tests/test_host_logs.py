# SPDX-License-Identifier: Apache-2.0
"""The logs of our server: access log, error log, levels, files."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process
from harness.client import Client
from harness.serve import Serve
from harness.site import mounts

Start = Callable[..., Serve]
SOME = mounts(["hello", "process", "status_any"])


def test_access_log_combined(serve: Start) -> None:
    server = serve(SOME, "--access-log", "combined")
    with server.client() as client:
        headers = [("User-Agent", 'a "quoted" \\ agent'), ("Referer", "http://x/\u00e9")]
        client.get("/hello?x=y", headers)
        client.request("HEAD", "/status_any?line=404")
        port = client.socket.getsockname()[1]
    assert port
    server.output.wait("HEAD")
    first, second = server.output.text().splitlines()
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
        r'"GET /hello\?x=y HTTP/1\.1" 200 14 '
        r'"http://x/\\(u00|x)e9" "a \\"quoted\\" \\\\ agent"',
        first,
    )
    assert '"HEAD /status_any?line=404 HTTP/1.1" 404 0 "-" "-"' in second


def test_access_log_json(serve: Start) -> None:
    server = serve(SOME, "--access-log", "json")
    with server.client() as client:
        client.get("/hello", [("User-Agent", 'a "quoted" \\ \u00e9 agent')])
        client.send(b"BAD LINE\r\n\r\n")
        client.response()
    server.output.wait(r'"status":(400|501)')
    first, second = map(json.loads, server.output.text().splitlines())
    assert first["method"] == "GET"
    assert first["target"] == "/hello"
    assert first["status"] == 200
    assert first["bytes"] == 14
    assert first["remote"] == "127.0.0.1"
    assert first["agent"] == 'a "quoted" \\ \u00e9 agent'
    assert first["us"] >= 0
    assert second["status"] in (400, 501)


def test_access_log_cannot_be_forged(serve: Start) -> None:
    server = serve(SOME, "--access-log", "combined")
    with server.client() as client:
        client.get("/hello", [("User-Agent", 'x" 200 1\t"-\x80\x9b')])
    server.output.wait("hello")
    text = server.output.text()
    assert len(text.splitlines()) == 1
    assert text.isprintable() or text.rstrip("\n").isprintable()


def test_no_access_log_by_default(serve: Start) -> None:
    server = serve(SOME)
    with server.client() as client:
        client.get("/hello")
    server.stop()
    assert server.output.text() == ""


def test_access_log_file_is_opened_again(serve: Start, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    server = serve(SOME, "--access-log", "combined", "--access-log-file", str(path))
    with server.client() as client:
        client.get("/hello")
    process.eventually(lambda: "hello" in path.read_text(), "it is written")
    moved = path.rename(tmp_path / "access.log.1")
    server.signal(signal.SIGHUP)

    def asked() -> bool:
        with server.client() as client:
            client.get("/process")
        return path.exists() and "process" in path.read_text()

    process.eventually(asked, "the new file is written")
    assert "hello" in moved.read_text()


def test_log_file(serve: Start, tmp_path: Path) -> None:
    path = tmp_path / "file.log"
    server = Serve(tmp_path / "x", SOME, "--log", str(path))
    server.log.path = path
    with server:
        with server.client() as client:
            client.get("/hello")
        assert "listening on http://127.0.0.1:" in path.read_text()


def answers(path: str) -> bool:
    """Whether somebody listens on a Unix socket; with few log levels nothing says so."""
    with contextlib.suppress(OSError), Client(path):
        return True
    return False


@pytest.mark.parametrize(
    ("level", "shown"), [("error", 0), ("warning", 1), ("info", 2), ("debug", 3)]
)
def test_log_levels(serve: Start, tmp_path: Path, level: str, shown: int) -> None:
    app = mounts(["headers_hop_by_hop", "log_print"])
    path = str(tmp_path / "s.sock")
    server = Serve(tmp_path / "x", app, "--log-level", level, bind=[f"unix:{path}"])
    try:
        server.start(0)
        process.eventually(lambda: answers(path), "it listens")
        with Client(path) as client:
            client.get("/headers_hop_by_hop?Upgrade=h2c")
            client.get("/log_print")
        server.log.wait("printed-err")
        text = server.log.text()
    finally:
        server.stop()
    assert ("WARNING" in text) is (shown >= 1)
    assert ("printed-out" in text) is (shown >= 2)
    assert ("DEBUG" in text) is (shown >= 3)


@pytest.mark.parametrize(("value", "expected"), [("mine/2", "mine/2"), ("", None)])
def test_server_header(serve: Start, value: str, expected: str | None) -> None:
    server = serve(SOME, "--server-header", value)
    with server.client() as client:
        assert client.get("/hello").header("Server") == expected
