# SPDX-License-Identifier: Apache-2.0
"""The settings request-timeout and recycle-timeout."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process
from harness.client import NoResponse
from harness.paths import APPS
from harness.serve import Serve
from harness.site import mounts

Start = Callable[..., Serve]
SOME = mounts(["hello", "process", "time_limit", "slow"])


@pytest.fixture
def limited(serve: Start) -> Serve:
    """A server with a limit of half a second, on one interpreter."""
    more = ["--request-timeout", "0.5", "--recycle-timeout", "60", "--parallel", "1"]
    return serve(SOME, *more)


def notes(server: Serve) -> list[str]:
    """What the application has seen."""
    return list(server.client().get("/time_limit?how=notes").json())


@pytest.mark.parametrize("how", ["spin", "sleep"])
def test_is_answered_504_and_ended(limited: Serve, how: str) -> None:
    with limited.client() as client:
        response = client.get(f"/time_limit?how={how}")
    assert (response.status, response.reason) == (504, "Gateway Timeout")
    assert response.header("Connection") == "close"
    assert "took too long" in response.text
    process.eventually(lambda: notes(limited) == ["RequestTimeout"], "its thread was stopped")
    assert limited.log.wait("the request that took too long has ended")


def test_the_stack_is_logged_under_the_request_s_id(limited: Serve) -> None:
    with limited.client() as client:
        text = client.get("/time_limit?how=spin").text
    reference = text.partition("Reference ")[2].partition("<")[0]
    assert reference
    limited.log.wait(rf"\[{reference}\] the request runs for 0\.[5-9] s.*")
    limited.log.wait("time_limit.py.*in spin")


def test_others_are_served_meanwhile_and_afterwards(limited: Serve) -> None:
    with limited.client() as late, limited.client() as other:
        late.start("GET", "/time_limit?how=sleep")
        for _ in range(20):
            assert other.get("/hello").status == 200
        assert late.response().status == 504
        for _ in range(20):
            assert other.get("/hello").status == 200
    assert len(limited.workers()) == 1


def test_a_response_that_has_begun_is_broken_off(limited: Serve) -> None:
    with limited.client() as client:
        response = client.get("/time_limit?how=stream")
    assert response.status == 200
    assert not response.complete
    process.eventually(lambda: notes(limited) == ["closed"], "the body was closed")


def test_who_waits_for_the_client_is_ended_too(limited: Serve) -> None:
    mark = limited.log.mark()
    with limited.client() as client:
        client.start("POST", "/time_limit?how=read", [("Content-Length", "5")])
        with pytest.raises((NoResponse, ConnectionError)):
            client.response()
    ended = "the request that took too long has ended"
    process.eventually(lambda: ended in limited.log.text(mark), "the read has ended")
    # RequestTimeout may come while the application handles the read's own error, before its note.
    seen = notes(limited)
    assert seen in ([], ["RequestTimeout"]) or "request-timeout" in seen[0]


def test_the_exception_does_not_reach_the_next_request(limited: Serve) -> None:
    """Requests end at about the time at which they would be stopped."""
    for _ in range(8):
        with limited.client() as client:
            assert client.get("/slow?seconds=0.499").status in (200, 504)
        with limited.client() as client:
            assert client.get("/hello").status == 200
    assert "The application failed" not in limited.log.text()


def test_a_request_that_has_ended_is_left_alone(limited: Serve) -> None:
    """Its destructors take long, and another client has its place in the server by then."""
    with limited.client() as keeper:
        keeper.start("GET", "/slow?seconds=0.2")  # what comes meanwhile is queued
        time.sleep(0.05)
        late = limited.client()
        late.start("GET", "/time_limit?how=destructor")
        assert keeper.response().status == 200
        assert late.response().json() == "done"
        for _ in range(3):
            with limited.client() as other:
                assert other.get("/slow?seconds=0.3").status == 200
        late.close()
    assert "took too long" not in limited.log.text()


def test_a_client_that_takes_slowly_is_ended_in_the_middle_of_a_file(limited: Serve) -> None:
    with limited.client() as client:
        client.start("GET", "/time_limit?how=file")
        begin = time.monotonic()
        with pytest.raises((NoResponse, ConnectionError)):
            while client.socket.recv(1 << 20):
                pass
            raise NoResponse("ended")
        assert time.monotonic() - begin < 20
    limited.log.wait("the request that took too long has ended")
    assert limited.workers(), "no worker was replaced"
    assert "unhealthy" not in limited.log.text()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="isolated needs Python 3.14")
def test_isolated_interpreters_stop_late_requests_beside_each_other(serve: Start) -> None:
    """The stack of one is looked at while others run."""
    more = ["--mode", "isolated", "--parallel", "2", "--request-timeout", "0.1"]
    server = serve(mounts(["busy", "hello"]), *more)
    server.log.wait("is ready")
    before = server.workers()
    end = time.monotonic() + 4

    def load(seconds: float) -> None:
        while time.monotonic() < end:
            with server.client() as client:
                assert client.get(f"/busy?seconds={seconds}").status in (200, 504)

    threads = [threading.Thread(target=load, args=(s,)) for s in (0.13, 0.13, 0.02, 0.02)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.workers() == before


def test_an_unhealthy_worker_is_replaced_even_by_one_that_cannot_load(
    serve: Start, tmp_path: Path
) -> None:
    (tmp_path / "time_limit.py").write_bytes((APPS / "time_limit.py").read_bytes())
    (tmp_path / "tools.py").write_bytes((APPS / "tools.py").read_bytes())
    server = serve("time_limit:app", "--request-timeout", "0.3", "--recycle-timeout", "0.5",
                   "--shutdown-timeout", "1", root=tmp_path)  # fmt: skip
    server.log.wait("is ready")
    (tmp_path / "time_limit.py").write_text("oops\n")
    with server.client() as client:
        assert client.get("/?how=stubborn").status == 504
        server.signal(signal.SIGHUP)
        server.log.wait("is unhealthy")
    process.eventually(lambda: len(server.workers()) == 1, "one is left")
    with server.client() as client:
        assert client.get("/").status == 500, "it says what is wrong"


def test_what_does_not_end_has_its_process_replaced(serve: Start) -> None:
    server = serve(SOME, "--request-timeout", "0.3", "--recycle-timeout", "0.5",
                   "--shutdown-timeout", "1")  # fmt: skip
    server.log.wait("is ready")
    (before,) = server.workers()
    with server.client() as client:
        assert client.get("/time_limit?how=stubborn").status == 504
        server.log.wait("does not end after")
        server.log.wait(f"worker {before} is unhealthy")
        with server.client() as other:
            assert other.get("/process").json()["pid"] != before
    process.eventually(lambda: before not in server.workers(), "the old one ends")
    assert len(server.workers()) == 1


def test_there_is_no_limit_by_default(serve: Start) -> None:
    with serve(SOME).client() as client:
        assert client.get("/slow?seconds=1.2").status == 200
