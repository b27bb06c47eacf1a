# SPDX-License-Identifier: Apache-2.0
"""Our host on the wire: what could smuggle requests is refused (RFC 9112), and the rest works."""

from __future__ import annotations

import contextlib
import socket

import pytest
from harness.client import NoResponse, Response, build
from harness.site import Site

HELLO = b"Hello, world!\n"
NEXT = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def refused(site: Site, data: bytes, *statuses: int) -> Response:
    """Exactly one answer, with one of these statuses, and then the end of the connection."""
    with site.client() as client:
        client.send(data + NEXT)
        response = client.response()
        assert response.status in statuses, f"{response.status} {response.text}"
        assert response.complete
        assert response.header("Connection") == "close"
        assert client.is_closed(), "the connection must not be used further"
    assert site.get("/hello").body == HELLO
    return response


def head(*lines: bytes, method: bytes = b"POST", target: bytes = b"/hello") -> bytes:
    """A request's head."""
    return b"\r\n".join(
        (method + b" " + target + b" HTTP/1.1", b"Host: localhost", *lines, b"", b"")
    )


CHUNKED = head(b"Transfer-Encoding: chunked")
LAST = b"0\r\n\r\n"

SMUGGLING = {
    "two-lengths": head(b"Content-Length: 5", b"Content-Length: 6") + b"hello!",
    "two-equal-lengths": head(b"Content-Length: 5", b"Content-Length: 5") + b"hello",
    "list-of-lengths": head(b"Content-Length: 5, 5") + b"hello",
    "length-beside-chunked": head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + LAST,
    "chunked-beside-length": head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + LAST,
    "length-empty": head(b"Content-Length: "),
    "length-plus": head(b"Content-Length: +5") + b"hello",
    "length-minus": head(b"Content-Length: -5"),
    "length-hex": head(b"Content-Length: 0x5") + b"hello",
    "length-words": head(b"Content-Length: five"),
    "length-inner-space": head(b"Content-Length: 1 0") + b"0123456789",
    "length-underscore": head(b"Content-Length: 1_0") + b"0123456789",
    "length-overflow": head(b"Content-Length: 18446744073709551621") + b"hello",
    "length-overflow-64": head(b"Content-Length: 9223372036854775808"),
    "length-dot": head(b"Content-Length: 5.0") + b"hello",
    "two-codings": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + LAST,
    "coding-twice": head(b"Transfer-Encoding: chunked, chunked") + LAST,
    "coding-not-last": head(b"Transfer-Encoding: chunked, identity") + LAST,
    "coding-identity": head(b"Transfer-Encoding: identity") + b"hello",
    "coding-gzip": head(b"Transfer-Encoding: gzip, chunked") + LAST,
    "coding-xchunked": head(b"Transfer-Encoding: xchunked") + LAST,
    "coding-quoted": head(b'Transfer-Encoding: "chunked"') + LAST,
    "coding-control": head(b"Transfer-Encoding: \x0bchunked") + LAST,
    "coding-space-colon": head(b"Transfer-Encoding : chunked") + LAST,
    "coding-1.0": b"POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space-before-colon": head(b"X-Name : v"),
    "tab-before-colon": head(b"X-Name\t: v"),
    "no-colon": head(b"X-Name"),
    "no-name": head(b": v"),
    "obs-fold": head(b"X-Name: a", b" b"),
    "obs-fold-tab": head(b"X-Name: a", b"\tb"),
    "fold-first": b"GET /hello HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n",
    "bare-cr-in-value": head(b"X-Name: a\rb"),
    "bare-cr-at-end": b"GET /hello HTTP/1.1\r\nHost: localhost\rX-A: b\r\n\r\n",
    "bare-lf-after-header": b"GET /hello HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n",
    "bare-lf-after-line": b"GET /hello HTTP/1.1\nHost: localhost\r\n\r\n",
    "bare-lf-at-end": b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\n",
    "bare-cr-after-line": b"GET /hello HTTP/1.1\rHost: localhost\r\n\r\n",
    "nul-in-value": head(b"X-Name: a\0b"),
    "nul-in-name": head(b"X-N\0me: a"),
    "nul-in-target": head(target=b"/he\0llo"),
    "control-in-value": head(b"X-Name: a\x01b"),
    "del-in-name": head(b"X-N\x7fme: a"),
    "name-with-bytes": head(b"X-N\xe9me: a"),
    "name-with-space": head(b"X Name: a"),
    "name-with-slash": head(b"X/Name: a"),
    "name-with-bracket": head(b"X(Name): a"),
    "chunk-size-empty": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk-size-plus": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-minus": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-words": CHUNKED + b"five\r\nhello\r\n0\r\n\r\n",
    "chunk-size-space": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-space-after": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "chunk-size-overflow": CHUNKED + b"1" + b"0" * 16 + b"5\r\nhello\r\n",
    "chunk-size-underscore": CHUNKED + b"1_0\r\n" + b"x" * 16,
    "chunk-size-bare-lf": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "chunk-size-bare-cr": CHUNKED + b"5\rhello\r\n0\r\n\r\n",
    "chunk-longer": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "chunk-no-crlf": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "chunk-data-bare-lf": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "chunk-ext-bare-lf": CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "trailer-obs-fold": CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n",
    "trailer-no-colon": CHUNKED + b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "no-host": b"GET /hello HTTP/1.1\r\n\r\n",
    "two-hosts": head(b"Host: other"),
    "host-with-space": b"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host-with-slash": b"GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host-with-at": b"GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "host-with-comma": b"GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n",
}


@pytest.mark.parametrize("name", list(SMUGGLING))
def test_smuggling(ours: Site, name: str) -> None:
    others = {"coding": 501, "bare-l": 505, "bare-c": 505}.get(name[:6], 400)
    refused(ours, SMUGGLING[name], 400, others)


@pytest.mark.parametrize("name", list(SMUGGLING))
def test_smuggling_byte_by_byte(ours: Site, name: str) -> None:
    """The same, when every byte comes alone, to an application that reads."""
    with ours.client() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for byte in SMUGGLING[name].replace(b"/hello", b"/input_read") + NEXT:
                client.send(bytes([byte]))
        try:
            response = client.response()
        except (NoResponse, ConnectionError):
            return  # refused before all was sent
        assert response.status in (400, 501, 505)
        assert client.is_closed()


@pytest.mark.parametrize(
    "line",
    [
        b" GET /hello HTTP/1.1",
        b"GET\t/hello\tHTTP/1.1",
        b"GET /hello HTTP/1.1 ",
        b"GET /hello HTTP/1.1\t",
        b"GET /hello",
        b"GET",
        b"GET HTTP/1.1",
        b"GET /he llo HTTP/1.1",
        b"GET /he\x01llo HTTP/1.1",
        b"GET /hello#part HTTP/1.1",
        b"GET hello HTTP/1.1",
        b"GET //localhost@/ HTTP/1.1x",
        b"GET * HTTP/1.1",
        b"GET localhost:80 HTTP/1.1",
        b"GET ftp://localhost/hello HTTP/1.1",
        b"GET http:///hello HTTP/1.1",
        b"GET http://user@localhost/hello HTTP/1.1",
        b"G\xcbT /hello HTTP/1.1",
        b"GET /hello http/1.1",
        b"GET /hello HTTP/1.01",
        b"GET /hello HTTP/11",
        b"GET /hello HTTP/1,1",
        b"GET /hello HTTP/+1.1",
        b"GET /hello XTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_malformed_request_lines(ours: Site, line: bytes) -> None:
    refused(ours, line + b"\r\nHost: localhost\r\n\r\n", 400, 501, 505)


@pytest.mark.parametrize("line", [b"GET  /hello HTTP/1.1", b"GET /hello  HTTP/1.1"])
def test_more_than_one_space(ours: Site, line: bytes) -> None:
    """RFC 9112, 3 lets a server refuse it or split at white space; nothing else."""
    with ours.client() as client:
        client.send(line + b"\r\nHost: localhost\r\n\r\n")
        response = client.response()
    assert response.status == 400 or response.body == HELLO


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0", "9.9"])
def test_versions(ours: Site, version: str) -> None:
    refused(ours, build("GET", "/hello", version=version), 505)


@pytest.mark.parametrize("method", ["get", "FOO", "M-SEARCH_X", "CONNECT"])
def test_unknown_methods(ours: Site, method: str) -> None:
    target = "localhost:80" if method == "CONNECT" else "/hello"
    refused(ours, build(method, target), 501, 400)


def test_path_with_encoded_nul(ours: Site) -> None:
    with ours.client() as client:
        response = client.get("/hello/%00")
        assert response.status == 400


@pytest.mark.parametrize("where", ["method", "target", "version", "name", "value"])
def test_client_that_ends_within_a_request(ours: Site, where: str) -> None:
    data = {
        "method": b"GE",
        "target": b"GET /hel",
        "version": b"GET /hello HTT",
        "name": b"GET /hello HTTP/1.1\r\nHo",
        "value": b"GET /hello HTTP/1.1\r\nHost: lo",
    }[where]
    with ours.client() as client:
        client.send(data)
        client.end_sending()
        assert b"200" not in client.drain()


# ---- what works


def test_keep_alive(ours: Site) -> None:
    with ours.client() as client:
        for _ in range(100):
            response = client.get("/hello")
            assert response.body == HELLO
            assert response.header("Connection") is None


def test_connection_close_of_the_client(ours: Site) -> None:
    with ours.client() as client:
        response = client.get("/hello", [("Connection", "close")])
        assert response.body == HELLO
        assert response.header("Connection") == "close"
        assert client.is_closed()


@pytest.mark.parametrize("value", ["Close", "x, close", "keep-alive, close"])
def test_connection_close_in_a_list(ours: Site, value: str) -> None:
    with ours.client() as client:
        assert client.get("/hello", [("Connection", value)]).body == HELLO
        assert client.is_closed()


def test_http_1_0_closes(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/hello", version="1.0"))
        assert client.response().body == HELLO
        assert client.is_closed()


def test_http_1_0_keep_alive(ours: Site) -> None:
    with ours.client() as client:
        for _ in range(3):
            client.send(build("GET", "/hello", [("Connection", "keep-alive")], version="1.0"))
            response = client.response()
            assert response.body == HELLO
            assert (response.header("Connection") or "").lower() == "keep-alive"


def test_http_1_0_without_host(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/hello", host=None, version="1.0"))
        assert client.response().body == HELLO


def test_pipelining(ours: Site) -> None:
    targets = ["/hello", "/input_ignored", "/body_forms?form=generator", "/status_any?line=404"]
    with ours.client() as client:
        client.send(b"".join(build("GET", target) for target in targets) * 20)
        for _ in range(20):
            assert client.response().body == HELLO
            assert client.response().body == b"not read"
            assert client.response().body == b"the body"
            assert client.response().status == 404


def test_pipelining_with_bodies(ours: Site) -> None:
    bodies = [b"x" * size for size in (1, 10, 1000, 70_000, 0, 5)]
    with ours.client() as client:
        client.send(b"".join(build("POST", "/input_echo", body=body) for body in bodies))
        for body in bodies:
            assert client.response().body == body


def test_pipelining_behind_a_slow_request(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/slow?seconds=0.3") + NEXT * 3)
        assert client.response().body == b"slept"
        for _ in range(3):
            assert client.response().body == HELLO


def test_half_closed_client_gets_its_answer(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/slow?seconds=0.2"))
        client.end_sending()
        assert client.response().body == b"slept"
        assert client.is_closed()


def test_requests_byte_by_byte(ours: Site) -> None:
    with ours.client() as client:
        for byte in build("POST", "/input_echo", [("X-Name", "value")], b"the body"):
            client.send(bytes([byte]))
        assert client.response().body == b"the body"


def test_empty_lines_before_a_request(ours: Site) -> None:
    with ours.client() as client:
        client.send(b"\r\n\r\n" + NEXT)
        assert client.response().body == HELLO
        client.send(b"\r\n" + NEXT)
        assert client.response().body == HELLO


@pytest.mark.parametrize("target", ["http://localhost/hello", "HTTP://LOCALHOST:80/hello?x"])
def test_absolute_form(ours: Site, target: str) -> None:
    assert ours.get(target).body == HELLO


def test_absolute_form_without_path(ours: Site) -> None:
    assert ours.get("http://localhost").status == 404
    assert ours.get("http://localhost?x=y").status == 404


def test_options_star(ours: Site) -> None:
    assert ours.request("OPTIONS", "*").status in (200, 204, 404)


def test_unknown_upgrades_are_ignored(ours: Site) -> None:
    headers = [("Connection", "Upgrade"), ("Upgrade", "foo/1")]
    with ours.client() as client:
        assert client.get("/hello", headers).body == HELLO
        assert client.get("/hello").body == HELLO


def test_http_2_preface_is_refused(ours: Site) -> None:
    with ours.client() as client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.response().status in (400, 501, 505)
        assert client.is_closed()


def test_unusual_but_right_headers(ours: Site) -> None:
    lines = b"X-!#$%&'*+.^_`|~: yes\r\nX-Empty:\r\nX-Tight:v\r\nX-Spaces:   v  \r\nX-High: \xff\r\n"
    with ours.client() as client:
        client.send(b"GET /environ_json HTTP/1.1\r\nhOsT:localhost\r\n" + lines + b"\r\n")
        environ = client.response().json()["environ"]
    assert environ["HTTP_HOST"] == "localhost"
    assert environ["HTTP_X_EMPTY"] == ""
    assert environ["HTTP_X_TIGHT"] == "v"
    assert environ["HTTP_X_SPACES"] == "v"
    assert environ["HTTP_X_HIGH"] == "\xff"


def test_chunked_in_capitals(ours: Site) -> None:
    with ours.client() as client:
        client.send(head(b"Transfer-Encoding: Chunked", target=b"/input_echo"))
        client.send(b"00005\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n")
        assert client.response().body == b"hello0123456789"


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]", "[::1]:80", "a-b.c_d", "127.0.0.1"])
def test_hosts(ours: Site, host: str) -> None:
    with ours.client() as client:
        client.send(build("GET", "/environ_json", host=host))
        assert client.response().json()["environ"]["HTTP_HOST"] == host
