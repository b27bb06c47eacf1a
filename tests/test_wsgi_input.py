# SPDX-License-Identifier: Apache-2.0
"""wsgi.input: streamed, never past the body, never a quiet end."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import time

import pytest
from conftest import Servers
from harness import process
from harness.client import NoResponse, build, chunk
from harness.site import APACHE, OURS, QUIRKS, Site, query

LINES = b"one\ntwo two\n\nfour\r\nthe end"


def chunked(method: str, target: str, host: str, *parts: bytes) -> bytes:
    """A request with a chunked body."""
    head = build(method, target, [("Transfer-Encoding", "chunked")], host=host)
    return head + b"".join(chunk(part) for part in (*parts, b""))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("", ["0123456789", ""]),
        ("3", ["012", "3456789"]),
        ("3,0,2", ["012", "", "34", "56789"]),
        ("-1", ["0123456789", ""]),
        ("None", ["0123456789", ""]),
        ("10,1", ["0123456789", "", ""]),
        ("11", ["0123456789", ""]),
        ("99999999999", ["0123456789", ""]),
    ],
)
def test_read_with_sizes(apps: Site, sizes: str, expected: list[str]) -> None:
    got = apps.post("/input_read" + query(sizes=sizes), b"0123456789").json()
    assert got == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("", ["one\n", "two two\n", "\n", "four\r\n", "the end", ""]),
        ("2,2,2", ["on", "e\n", "tw", "o two\n", "\n", "four\r\n", "the end", ""]),
        ("100", ["one\n", "two two\n", "\n", "four\r\n", "the end", ""]),
        ("0,4", ["", "one\n", "two two\n", "\n", "four\r\n", "the end", ""]),
        ("-1", ["one\n", "two two\n", "\n", "four\r\n", "the end", ""]),
    ],
)
def test_readline(apps: Site, sizes: str, expected: list[str]) -> None:
    assert apps.post("/input_readline" + query(sizes=sizes), LINES).json() == expected


@pytest.mark.parametrize(
    ("hint", "first"), [("1", 1), ("4", 1), ("5", 2), ("1000", 5), ("0", 5), ("-1", 5)]
)
def test_readlines(apps: Site, hint: str, first: int) -> None:
    lines = ["one\n", "two two\n", "\n", "four\r\n", "the end"]
    got = apps.post("/input_readlines" + query(hint=hint), LINES).json()
    assert got == [lines[:first], lines[first:]]


def test_iteration(apps: Site) -> None:
    got = apps.post("/input_iterate", LINES).json()
    assert got["lines"] == ["one\n", "two two\n", "\n", "four\r\n", "the end"]
    assert got["own"] is True
    assert got["end"] == 0


def test_all_ways_take_turns(apps: Site) -> None:
    got = apps.post("/input_mixed", b"0123\nab\ncd\nef\ngh\n").json()
    assert got == ["012", "3\n", "ab\n", "cd", "\n", "ef\n", "gh\n"]


@pytest.mark.parametrize("size", [0, 1, 49151, 49152, 49153, 65535, 65536, 65537, 1_000_000])
def test_sizes_around_the_buffers(apps: Site, size: int) -> None:
    body = random.Random(size).randbytes(size)
    got = apps.post("/input_digest", body).json()
    assert got == {"size": size, "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize("length", [2, 3, 5, 7, 11, 4099])
@pytest.mark.parametrize("path", ["/input_readline", "/input_iterate"])
def test_lines_across_every_buffer_edge(apps: Site, path: str, length: int) -> None:
    line = "x" * (length - 1) + "\n"
    count = 300_000 // length
    got = apps.post(path, line.encode() * count).json()
    lines = got["lines"] if path == "/input_iterate" else got[:-1]
    assert lines == [line] * count


@pytest.mark.parametrize("path", ["/input_readline", "/input_iterate", "/input_readlines"])
def test_a_line_longer_than_all_buffers(apps: Site, path: str) -> None:
    body = b"x" * 200_000 + b"\n" + b"y" * 200_000
    got = apps.post(path, body).json()
    lines = got["lines"] if path == "/input_iterate" else got
    lines = lines[0] if path == "/input_readlines" else lines
    assert [len(line) for line in lines if line] == [200_001, 200_000]


def test_echo_of_all_bytes(apps: Site) -> None:
    body = bytes(range(256)) * 4000
    response = apps.post("/input_echo", body)
    assert response.complete
    assert response.body == body


def test_wrong_arguments(apps: Site) -> None:
    got = apps.post("/input_wrong_arguments", b"still whole").json()
    assert got.pop("body") == "still whole"
    assert got == dict.fromkeys(("text", "float", "two", "line", "lines"), "TypeError")


@pytest.mark.parametrize("path", ["/input_read", "/input_iterate", "/input_readlines"])
def test_no_body(apps: Site, path: str) -> None:
    got = apps.get(path).json()
    assert (
        got
        == {
            "/input_read": ["", ""],
            "/input_iterate": {"lines": [], "own": True, "end": 0},
            "/input_readlines": [[]],
        }[path]
    )


def test_a_next_request_is_not_read_as_body(apps: Site) -> None:
    with apps.client() as client:
        client.send(
            build("POST", "/input_read", body=b"body", host=apps.host)
            + build("GET", "/hello", host=apps.host)
        )
        assert client.response().json() == ["body", ""]
        assert client.response().body == b"Hello, world!\n"


def test_body_that_is_not_read_is_skipped(apps: Site) -> None:
    with apps.client() as client:
        assert client.request("POST", "/input_ignored", body=b"x" * 100).body == b"not read"
        if not client.is_closed(0.3):
            assert client.get("/hello").body == b"Hello, world!\n"


def test_body_that_is_read_in_part_is_skipped(apps: Site) -> None:
    with apps.client() as client:
        response = client.request(
            "POST", "/input_some" + query(n=3), body=b"GET /evil HTTP/1.1\r\n"
        )
        assert response.body == b"GET"
        if not client.is_closed(0.3):
            assert client.get("/hello").body == b"Hello, world!\n"


def test_large_body_that_is_not_read_is_never_a_request(ours: Site) -> None:
    evil = build("GET", "/hello") * 20_000
    with ours.client() as client:
        client.start("POST", "/input_ignored", [("Content-Length", str(len(evil)))])
        assert client.response().body == b"not read"
        try:
            client.send(evil)
            rest = client.drain()
        except ConnectionError:
            rest = b""
        assert b"Hello" not in rest


def test_body_comes_while_the_application_reads(apps: Site) -> None:
    with apps.client() as client:
        client.start("POST", "/input_read", [("Content-Length", "10")])
        for piece in (b"0123", b"4567", b"89"):
            time.sleep(0.1)
            client.send(piece)
        assert client.response().json() == ["0123456789", ""]


def test_input_refuses_after_its_request(apps: Site) -> None:
    apps.post("/input_kept", b"first")
    assert apps.post("/input_kept", b"second").text == "ValueError"


@pytest.mark.parametrize("how", ["read", "pieces", "readline", "readlines", "iterate"])
@pytest.mark.parametrize("sent", [0, 100, 60_000])
def test_body_cut_short_raises_oserror(apps: Site, how: str, sent: int) -> None:
    apps.post("/input_cut" + query(how="read"), b"whole")
    with apps.client() as client:
        client.start("POST", "/input_cut" + query(how=how), [("Content-Length", "100000")])
        client.send((b"a line\n" * 10_000)[:sent])
        time.sleep(0.1)
        client.end_sending()
        with contextlib.suppress(NoResponse):
            assert client.response().status >= 400
    process.eventually(lambda: apps.get("/input_cut").json()["how"] == how, "the read has ended")
    process.eventually(lambda: "error" in apps.get("/input_cut").json(), "the read has raised")
    assert "OSError" in (apps.get("/input_cut").json()["error"] or [])


def test_client_that_resets_raises_oserror(ours: Site) -> None:
    ours.post("/input_cut" + query(how="read"), b"whole")
    client = ours.client()
    client.start("POST", "/input_cut" + query(how="pieces"), [("Content-Length", "100000")])
    client.send(b"x" * 1000)
    time.sleep(0.1)
    client.reset()
    process.eventually(lambda: bool(ours.get("/input_cut").json().get("error")), "it has raised")
    assert "OSError" in ours.get("/input_cut").json()["error"]


# ---- chunked requests: where the host delivers them


@pytest.mark.parametrize("name", [QUIRKS, APACHE])
def test_chunked_requests_are_411_on_mod_isapi(servers: Servers, name: str) -> None:
    site = servers.site(name, "apps")
    with site.client() as client:
        client.send(chunked("POST", "/input_read", site.host, b"body"))
        assert client.response().status == 411


@pytest.mark.parametrize("pieces", [(), (b"one",), (b"one", b"two", b"x" * 100_000)])
def test_chunked(ours: Site, pieces: tuple[bytes, ...]) -> None:
    body = b"".join(pieces)
    with ours.client() as client:
        client.send(chunked("POST", "/input_digest", ours.host, *pieces))
        expected = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        assert client.response().json() == expected
        assert client.get("/hello").status == 200


def test_chunked_environ(ours: Site) -> None:
    with ours.client() as client:
        client.send(chunked("POST", "/environ_json", ours.host, b"body"))
        environ = client.response().json()["environ"]
    assert "CONTENT_LENGTH" not in environ
    assert environ["wsgi.input_terminated"] is True


def test_chunks_of_one_byte(ours: Site) -> None:
    body = b"line one\nline two\n"
    with ours.client() as client:
        parts = [bytes([byte]) for byte in body]
        client.send(chunked("POST", "/input_readline", ours.host, *parts))
        assert client.response().json() == ["line one\n", "line two\n", ""]


def test_chunk_extensions_and_trailers_are_dropped(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("POST", "/input_read", [("Transfer-Encoding", "chunked")]))
        client.send(
            b'4;name=value;q="a;b"\r\nbody\r\n0;last\r\nX-Trailer: dropped\r\nCookie: a\r\n\r\n'
        )
        assert client.response().json() == ["body", ""]
        environ = client.get("/environ_json").json()["environ"]
    assert "HTTP_X_TRAILER" not in environ


def test_chunked_body_arrives_while_it_is_sent(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("POST", "/input_as_it_comes", [("Transfer-Encoding", "chunked")]))
        client.send(chunk(b"first\n"))
        response = client.start_response("POST")
        parts = client.parts(response)
        assert next(parts) == b"got first\n"
        client.send(chunk(b"second\n"))
        assert next(parts) == b"got second\n"
        client.send(chunk(b""))
        assert list(parts) == []
        assert response.complete


@pytest.mark.parametrize(
    "rest",
    [b"", b"5\r\nab", b"5\r\nabcde", b"5\r\nabcde\r\n", b"5\r\nabcde\r\n0\r\n"],
    ids=["nothing", "in-chunk", "after-data", "between", "before-end"],
)
def test_chunked_body_cut_short_raises_oserror(ours: Site, rest: bytes) -> None:
    ours.post("/input_cut" + query(how="read"), b"whole")
    with ours.client() as client:
        target = "/input_cut" + query(how="pieces")
        client.send(build("POST", target, [("Transfer-Encoding", "chunked")]) + rest)
        time.sleep(0.1)
        client.end_sending()
        with contextlib.suppress(NoResponse):
            assert client.response().status >= 400
    process.eventually(lambda: ours.get("/input_cut").json()["how"] == "pieces", "it was read")
    process.eventually(lambda: bool(ours.get("/input_cut").json().get("error")), "it has raised")
    assert "OSError" in ours.get("/input_cut").json()["error"]


def test_chunk_size_that_turns_bad_later(ours: Site) -> None:
    ours.post("/input_cut" + query(how="read"), b"whole")
    with ours.client() as client:
        target = "/input_cut" + query(how="pieces")
        client.send(build("POST", target, [("Transfer-Encoding", "chunked")]) + chunk(b"good"))
        time.sleep(0.2)
        client.send(b"zz\r\nbad")
        assert client.response().status == 400
        assert client.is_closed()
    assert "OSError" in ours.get("/input_cut").json()["error"]


# ---- Expect: 100-continue

EXPECT = ("Expect", "100-continue")


def test_continue_is_sent_when_the_application_reads(apps: Site) -> None:
    headers = [EXPECT, ("Content-Length", "4")]
    with apps.client() as client:
        client.start("POST", "/input_when_asked" + query(pause=0.3), headers)
        if apps.server == OURS:
            client.socket.settimeout(0.15)
            with pytest.raises(TimeoutError):
                client.head()
            client.socket.settimeout(10)
        response = client.head()
        if apps.server == QUIRKS:  # as mod_isapi with its read-ahead: the body is lost
            assert response.status == 417
            return
        assert response.status == 100
        client.send(b"body")
        assert client.response().body == b"got body"


def test_no_continue_when_the_body_is_not_read(ours: Site) -> None:
    with ours.client() as client:
        client.start("POST", "/input_ignored", [EXPECT, ("Content-Length", "4")])
        response = client.response()
        assert response.status == 200
        assert response.interim == []
        assert response.body == b"not read"
        assert client.is_closed() or response.header("Connection") != "close"


def test_no_continue_when_the_body_is_there_already(ours: Site) -> None:
    with ours.client() as client:
        client.start("POST", "/input_when_asked", [EXPECT], b"body")
        response = client.response()
        assert response.interim == []
        assert response.body == b"got body"


def test_no_continue_after_the_final_head(ours: Site) -> None:
    with ours.client() as client:
        headers = [EXPECT, ("Content-Length", "4")]
        client.start("POST", "/input_when_asked" + query(first=1), headers)
        response = client.start_response("POST")
        assert response.status == 200
        parts = client.parts(response)
        assert next(parts) == b"first "
        client.send(b"body")
        assert b"".join(parts) == b"got body"


def test_no_continue_for_http_1_0(ours: Site) -> None:
    with ours.client() as client:
        headers = [EXPECT, ("Content-Length", "4")]
        client.send(build("POST", "/input_when_asked", headers, version="1.0"))
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.head()
        client.socket.settimeout(10)
        client.send(b"body")
        assert client.response().body == b"got body"


def test_unknown_expectation_is_417(apps: Site) -> None:
    response = apps.get("/hello", [("Expect", "the-moon")])
    assert response.status == 417


def test_two_readers_do_not_disturb_each_other(apps: Site) -> None:
    bodies = [bytes([65 + n]) * 300_000 for n in range(4)]
    clients = [apps.client() for _ in bodies]
    for client, body in zip(clients, bodies, strict=True):
        client.start("POST", "/input_digest", [("Content-Length", str(len(body)))])
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, 300_000, 50_000):
        for client, body in zip(clients, bodies, strict=True):
            client.send(body[start : start + 50_000])
    for client, body in zip(clients, bodies, strict=True):
        assert client.response().json()["sha256"] == hashlib.sha256(body).hexdigest()
        client.close()


# ---- bodies that outlive their request


def test_a_thread_that_still_reads_when_the_response_is_there(ours: Site) -> None:
    """It gets an error, and nothing of what comes later on the connection."""
    with ours.client() as client:
        client.send(build("POST", "/input_late?a", [("Content-Length", "10")]) + b"abc")
        assert client.response().body == b"early"
        assert client.is_closed()
    process.eventually(lambda: ours.get("/input_late?a").body != b"", "the thread has ended")
    assert ours.get("/input_late?a").body in (b"OSError", b"RuntimeError", b"ValueError")
    assert ours.get("/hello").body == b"Hello, world!\n"


@pytest.mark.parametrize("size", [100, 40_000, 60_000, 120_000])
def test_an_unread_body_costs_no_answer(apps: Site, size: int) -> None:
    with apps.client() as client:
        client.send(build("GET", "/hello"))
        assert client.response().body == b"Hello, world!\n"
        headers = [("Content-Length", str(size))]
        client.send(build("POST", "/status_any?line=401%20No", headers) + b"x" * size)
        assert client.response().status == 401
