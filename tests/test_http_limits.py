# SPDX-License-Identifier: Apache-2.0
"""The limits of our host: each has a setting, and a clear answer."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Iterator

import pytest
from harness import process
from harness.client import Client, NoResponse, Response, build, chunk
from harness.serve import Serve
from harness.site import Site, modules, mounts

SETTINGS = {
    "request-line-limit": "1000",
    "header-limit": "4K",
    "header-count-limit": "20",
    "body-limit": "100K",
    "header-timeout": "1",
    "keepalive-timeout": "1",
    "body-timeout": "1",
    "write-timeout": "1",
    "threads": "2",
    "queue": "3",
    "connections": "40",
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with small limits."""
    args = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    folder = tmp_path_factory.mktemp("limited")
    with Serve(folder, mounts(modules()), *args) as serve:
        yield serve.site()


def refused(site: Site, data: bytes, status: int, setting: str = "") -> Response:
    """The answer, which names the setting, and the end of the connection."""
    with site.client() as client:
        client.send(data)
        response = client.response()
        assert response.status == status
        assert response.complete
        assert setting in response.text
        assert client.is_closed()
    assert site.get("/hello").status == 200
    return response


def test_request_target(limited: Site) -> None:
    assert limited.get("/hello?" + "x" * 990).status == 200
    refused(limited, build("GET", "/hello?" + "x" * 1000), 414, "request-line-limit")


def test_request_target_without_an_end(limited: Site) -> None:
    refused(limited, b"GET /" + b"x" * 100_000, 414, "request-line-limit")


def test_method_without_an_end(limited: Site) -> None:
    refused(limited, b"G" * 100_000, 501)


def test_header_bytes(limited: Site) -> None:
    assert limited.get("/hello", [("X-Name", "v" * 3900)]).status == 200
    refused(limited, build("GET", "/hello", [("X-Name", "v" * 4100)]), 431, "header-limit")


def test_header_bytes_in_many_fields(limited: Site) -> None:
    many = [(f"X-{n}", "v" * 500) for n in range(10)]
    refused(limited, build("GET", "/hello", many), 431, "header-limit")


def test_header_name_without_an_end(limited: Site) -> None:
    refused(limited, b"GET /hello HTTP/1.1\r\n" + b"X" * 100_000, 431, "header-limit")


def test_header_count(limited: Site) -> None:
    assert limited.get("/hello", [(f"X-{n}", "v") for n in range(19)]).status == 200
    many = [(f"X-{n}", "v") for n in range(20)]
    refused(limited, build("GET", "/hello", many), 431, "header-count-limit")


def test_trailers_count_as_headers(limited: Site) -> None:
    start = build("POST", "/input_read", [("Transfer-Encoding", "chunked")])
    with limited.client() as client:
        client.send(start + chunk(b"x") + b"0\r\nX-Trailer: " + b"v" * 100_000)
        try:
            assert client.response().status in (400, 431)
        except (NoResponse, ConnectionError):
            return
        assert client.is_closed()


def test_body_by_its_length(limited: Site) -> None:
    assert limited.post("/input_digest", b"x" * 102_400).json()["size"] == 102_400
    head = build("POST", "/input_digest", [("Content-Length", "102401")])
    refused(limited, head, 413, "body-limit")


def test_body_by_its_length_with_expect(limited: Site) -> None:
    headers = [("Content-Length", "102401"), ("Expect", "100-continue")]
    response = refused(limited, build("POST", "/input_digest", headers), 413, "body-limit")
    assert response.interim == []


def test_body_by_its_chunks(limited: Site) -> None:
    head = build("POST", "/input_digest", [("Transfer-Encoding", "chunked")])
    with limited.client() as client:
        try:
            client.send(head + chunk(b"x" * 60_000) * 3)
            assert client.response().status == 413
        except ConnectionError:
            pytest.fail("the answer must be readable before the connection ends")
        assert client.is_closed()


def test_slow_headers(limited: Site) -> None:
    with limited.client() as client:
        begin = time.monotonic()
        client.send(b"GET /hello HTTP/1.1\r\n")
        response = client.response()
        assert response.status == 408
        assert "header-timeout" in response.text
        assert 0.8 < time.monotonic() - begin < 3
        assert client.is_closed()


def test_headers_that_trickle(limited: Site) -> None:
    with limited.client() as client:
        begin = time.monotonic()
        client.send(b"GET /hello HTTP/1.1\r\nX-Slow: ")
        while not select.select([client.socket], [], [], 0.2)[0]:
            client.send(b"x")
            assert time.monotonic() - begin < 3, "the limit is for all headers together"
        assert client.response().status == 408


def test_new_connection_without_a_request(limited: Site) -> None:
    with limited.client() as client:
        begin = time.monotonic()
        client.drain()
        assert 0.8 < time.monotonic() - begin < 3


def test_idle_connection(limited: Site) -> None:
    with limited.client() as client:
        client.get("/hello")
        begin = time.monotonic()
        assert client.drain() == b"", "an idle connection ends without an answer"
        assert 0.8 < time.monotonic() - begin < 3


def test_idle_limit_alone(serve: Callable[..., Serve]) -> None:
    """A short limit counts also while longer ones have their defaults."""
    with serve("hello:app", "--keepalive-timeout", "0.5").client() as client:
        client.get("/")
        begin = time.monotonic()
        assert client.drain() == b""
        assert time.monotonic() - begin < 2


def test_pause_within_a_body(limited: Site) -> None:
    since = limited.log.mark()
    with limited.client() as client:
        begin = time.monotonic()
        client.start("POST", "/input_read", [("Content-Length", "100")])
        client.send(b"some")
        with contextlib.suppress(NoResponse):
            assert client.response().status in (408, 500)
        assert time.monotonic() - begin < 4
        assert client.is_closed()
    assert "OSError" in limited.log.wait_entry("The application failed", since).text


def test_body_that_trickles_is_not_cut(limited: Site) -> None:
    with limited.client() as client:
        client.start("POST", "/input_read", [("Content-Length", "8")])
        for _ in range(8):
            time.sleep(0.3)
            client.send(b"x")
        assert client.response().json() == ["x" * 8, ""]


def test_client_that_takes_nothing(limited: Site) -> None:
    with limited.client() as client:
        client.start("GET", "/body_huge?mib=100&length=1")
        begin = time.monotonic()
        worker = limited.workers()[0]
        last = -1
        while (sent := limited.get("/body_huge?sent").json()) != last:
            last = sent
            time.sleep(0.3)
        time.sleep(2)
        response = client.response()
        assert not response.complete
        assert time.monotonic() - begin < 10
        assert process.is_alive(worker)


def test_slow_headers_hold_no_thread(limited: Site) -> None:
    clients = [limited.client() for _ in range(30)]
    for client in clients:
        client.send(b"GET /hello HTTP/1.1\r\nHost: loc")
    begin = time.monotonic()
    assert limited.get("/hello").status == 200
    assert time.monotonic() - begin < 0.5
    for client in clients:
        client.close()


def test_a_full_queue_is_503(serve: Callable[..., Serve]) -> None:
    """Two threads wait for bodies, three requests for a thread; others are refused at once."""
    server = serve(mounts(["hello", "input_digest"]), "--threads", "2", "--queue", "3")
    clients = [server.client(60) for _ in range(12)]
    taken = 2 + 3 + 2  # at most: how many run when the burst comes varies
    for client in clients:
        client.start("POST", "/input_digest", [("Content-Length", "1")])

    def answered() -> list[Client]:
        return [client for client in clients if select.select([client.socket], [], [], 0)[0]]

    process.eventually(
        lambda: len(answered()) >= len(clients) - taken, "the others are refused", 60
    )
    for client in set(clients) - set(answered()):
        client.send(b"x")
    answers = [client.response("POST") for client in clients]
    for client in clients:
        client.close()
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503}
    assert 3 <= statuses.count(200) <= taken
    (first, *_) = (answer for answer in answers if answer.status == 503)
    assert first.header("Retry-After")
    assert first.complete
    assert server.site().get("/hello").status == 200


def test_connections_beyond_the_limit_wait(limited: Site) -> None:
    clients = [limited.client() for _ in range(40)]
    for client in clients:
        client.start("GET", "/hello")
        assert client.response().status == 200
    late = limited.client(5)
    late.start("GET", "/hello")
    late.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        late.response()
    late.socket.settimeout(5)
    clients.pop().close()
    assert late.response().status == 200
    late.close()
    for client in clients:
        client.close()


def test_defaults_allow_what_is_common(ours: Site) -> None:
    assert ours.get("/hello?" + "x" * 8000).status == 200
    assert ours.get("/hello", [("Cookie", "c" * 16_000)]).status == 200
    assert ours.get("/hello", [(f"X-{n}", "v") for n in range(90)]).status == 200
    too_many = [(f"X-{n}", "v") for n in range(100)]
    assert ours.get("/hello", too_many).status == 431


@pytest.mark.parametrize("limit", ["0"])
def test_no_body_limit(serve: Callable[..., Serve], limit: str) -> None:
    site = serve("input_digest:app", "--body-limit", limit).site()
    with Client(site.address) as client:
        client.start("POST", "/", [("Content-Length", str(2**62)), ("Expect", "100-continue")])
        assert client.head().status == 100
