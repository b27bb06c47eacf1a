# SPDX-License-Identifier: Apache-2.0
"""wsgi.file_wrapper, on every host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from harness import process, windows
from harness.client import NoResponse
from harness.site import Site, query

CONTENT = bytes(range(256)) * 1024
EXPECTED = {
    "real": CONTENT,
    "raw": CONTENT,
    "named": CONTENT,
    "offset": CONTENT[1000:],
    "end": b"",
    "empty": b"",
    "short": CONTENT[:100],
    "bytesio": CONTENT,
    "gzip": CONTENT,
    "pipe": CONTENT[:4096],
    "only-read": CONTENT,
    "bad-fileno": CONTENT,
}


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_kinds_of_files(apps: Site, kind: str) -> None:
    response = apps.get("/file_kinds" + query(kind=kind))
    assert response.status == 200
    assert response.complete
    assert response.body == EXPECTED[kind]


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_kinds_of_files_by_iteration(apps: Site, kind: str) -> None:
    response = apps.get("/file_kinds" + query(kind=kind, iterated=1, block=1000))
    assert response.body == EXPECTED[kind]


@pytest.mark.parametrize("kind", ["real", "bytesio", "offset"])
def test_the_connection_goes_on(apps: Site, kind: str) -> None:
    with apps.client() as client:
        for _ in range(3):
            assert client.get("/file_kinds" + query(kind=kind)).body == EXPECTED[kind]


def test_real_files_get_a_content_length(apps: Site) -> None:
    assert apps.get("/file_kinds?kind=real").header("Content-Length") == str(len(CONTENT))
    assert apps.get("/file_kinds?kind=offset").header("Content-Length") == str(len(CONTENT) - 1000)


@pytest.mark.parametrize("kind", ["real", "bytesio"])
def test_own_content_length_cuts(apps: Site, kind: str) -> None:
    with apps.client() as client:
        response = client.get("/file_kinds" + query(kind=kind, length=1000))
        assert response.header("Content-Length") == "1000"
        assert response.body == CONTENT[:1000]
        assert client.get("/hello").body == b"Hello, world!\n"


@pytest.mark.parametrize("kind", ["real", "bytesio"])
def test_own_content_length_that_is_too_long(apps: Site, kind: str) -> None:
    response = apps.get("/file_kinds" + query(kind=kind, length=len(CONTENT) + 1))
    assert response.body == CONTENT[: len(response.body)]
    assert not response.complete


@pytest.mark.parametrize("kind", ["real", "bytesio", "gzip", "only-read"])
def test_close_is_called_once(apps: Site, kind: str) -> None:
    before = apps.get("/file_kinds?closed").json()
    apps.get("/file_kinds" + query(kind=kind, counted=1))
    process.eventually(lambda: apps.get("/file_kinds?closed").json() > before, "it was closed")
    assert apps.get("/file_kinds?closed").json() == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_real_file_is_closed(apps: Site, method: str) -> None:
    apps.request(method, "/file_not_closed")
    process.eventually(lambda: all(apps.get("/file_not_closed?closed").json()), "all are closed")
    assert apps.get("/file_not_closed?closed").json()[-1:] == [True]


@pytest.mark.parametrize("block", ["0", "-1"])
def test_wrong_block_sizes(apps: Site, block: str) -> None:
    assert apps.get("/file_kinds" + query(kind="bytesio", block=block)).status == 500


@pytest.mark.parametrize("block", [1000, 65536, 10_000_000])
def test_block_sizes(apps: Site, block: int) -> None:
    assert apps.get("/file_kinds" + query(kind="bytesio", block=block)).body == CONTENT


@pytest.mark.skipif(bool(windows.NAME), reason="Windows does not truncate a file that is open")
def test_a_file_that_gets_shorter_breaks_the_response(apps: Site) -> None:
    with apps.client() as client:
        client.start("GET", "/file_changes")
        response = client.start_response()
        assert response.header("Content-Length") == str(64 * 2**20)
        parts = client.parts(response)
        next(parts)
        assert apps.get("/file_changes?truncate").body == b"truncated"
        size = sum(len(part) for part in parts)
        assert size < 64 * 2**20
        assert not response.complete


def test_offset_beyond_4_gib(apps: Site) -> None:
    size = 5 * 2**30
    response = apps.get("/file_sparse" + query(size=size, offset=size - 1000))
    assert response.header("Content-Length") == "1000"
    assert response.body == bytes(993) + b"the end"


def test_length_is_64_bit_wide(apps: Site) -> None:
    size = 5 * 2**30
    with apps.client() as client:
        client.start("GET", "/file_sparse" + query(size=size))
        response = client.start_response()
        assert response.header("Content-Length") == str(size)
        parts = client.parts(response)
        assert next(parts)[:1] == b"\0"
    assert apps.get("/hello").status == 200


@pytest.mark.long
def test_file_beyond_4_gib(apps: Site) -> None:
    size = 5 * 2**30
    last, total = b"", 0
    with apps.client(60) as client:
        client.start("GET", "/file_sparse" + query(size=size))
        response = client.start_response()
        for part in client.parts(response):
            total += len(part)
            last = (last + part)[-10:]
    assert response.complete
    assert total == size
    assert last == b"\0\0\0the end"


@pytest.mark.skipif(bool(windows.NAME), reason="Windows has no sendfile")
def test_our_host_uses_sendfile(ours: Site) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    (worker,) = ours.workers()
    trace = subprocess.Popen(
        ["strace", "-f", "-q", "-e", "trace=sendfile", "-p", str(worker)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        process.eventually(lambda: _is_traced(worker), "strace has attached")
        assert ours.get("/file_kinds?kind=real").body == CONTENT
    finally:
        trace.terminate()
        _, text = trace.communicate()
    assert b"sendfile(" in text


def _is_traced(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    return all("TracerPid:\t0" not in task.read_text() for task in tasks)


def test_client_that_goes_during_a_file(apps: Site) -> None:
    client = apps.client()
    client.start("GET", "/file_sparse" + query(size=2**30))
    next(client.parts(client.start_response()))
    client.reset()
    try:
        assert apps.get("/hello").status == 200
    except NoResponse:
        pytest.fail("the server did not survive a client that went")
