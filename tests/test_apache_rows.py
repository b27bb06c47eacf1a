# SPDX-License-Identifier: Apache-2.0
"""The bugs of mod_isapi: the rows of ISAPI.md, section 9, that the door handles, on real httpd."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time

import pytest
from conftest import Servers
from harness import process
from harness.client import NoResponse, build
from harness.httpd import Httpd
from harness.site import APACHE, QUIRKS, Site, query


def test_rows_1_and_2_the_door_is_always_loaded(servers: Servers) -> None:
    """A start that fails is a page, never FALSE from GetExtensionVersion: later requests live."""
    site = servers.httpd().site("broken.localhost")
    for _ in range(3):
        assert site.get("/").status == 500


@pytest.mark.parametrize("line", ["500 My reason", "500 Internal Server Error", "500 "])
def test_row_3_status_500_has_its_own_body(apache: Site, line: str) -> None:
    response = apache.get("/status_any" + query(line=line))
    assert response.status == 500
    assert response.body == b"a body\n"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    if line.strip() != "500":
        assert f"500 {response.reason}" == line


@pytest.mark.parametrize("status", [404, 500, 503])
def test_row_3_bodies_are_not_replaced_by_error_documents(second: Httpd, status: int) -> None:
    response = second.site("documents.localhost").get("/" + query(line=f"{status} Mine"))
    assert response.status == status
    assert response.body == b"a body\n"


@pytest.mark.parametrize("kind", ["real", "bytesio"])
def test_row_4_headers_are_always_first(apache: Site, kind: str) -> None:
    """Nothing of a body is ever read as headers, not even one without any header before it."""
    response = apache.get("/status_bodiless" + query(line="200 OK", form="write"))
    assert response.body == b"must not be sent"
    assert apache.get("/file_kinds" + query(kind=kind)).status == 200


def test_row_7_slow_requests_are_not_pending(apache: Site) -> None:
    clients = [apache.client() for _ in range(20)]
    for client in clients:
        client.start("GET", "/slow?seconds=0.2")
    for client in clients:
        assert client.response().body == b"slept"
        client.close()


@pytest.mark.parametrize("name", ["readahead.localhost", "first.localhost"])
def test_row_9_with_and_without_read_ahead(second: Httpd, name: str) -> None:
    """Without it cbTotalBytes is 0, although there is a body."""
    site = second.site(name)
    for size in (1, 1000, 200_000):
        body = os.urandom(size)
        got = site.post("/input_digest", body).json()
        assert got == {"size": size, "sha256": hashlib.sha256(body).hexdigest()}
    assert site.post("/environ_json", b"12345").json()["environ"]["CONTENT_LENGTH"] == "5"


@pytest.mark.parametrize("name", [QUIRKS, APACHE])
def test_row_10_chunked_requests_are_411(servers: Servers, name: str) -> None:
    site = servers.site(name, "apps")
    with site.client() as client:
        client.send(build("POST", "/hello", [("Transfer-Encoding", "chunked")], host=site.host))
        client.send(b"0\r\n\r\n")
        assert client.response().status == 411


@pytest.mark.parametrize("name", ["readahead.localhost", "first.localhost"])
def test_row_11_lengths_beyond_4_gib(second: Httpd, name: str) -> None:
    """cbTotalBytes has 32 bits: 4 GiB + 5 shows as 5. The body must not look complete at 5."""
    site = second.site(name)
    since = site.log.mark()
    with site.client() as client:
        length = 2**32 + 5
        client.start("POST", "/input_read", [("Content-Length", str(length))])
        client.send(b"01234")
        time.sleep(0.2)
        client.end_sending()
        try:
            response = client.response()
            assert response.status != 200
        except NoResponse:
            return
    assert response.status == 413 or "OSError" in site.log.text(since)


def test_row_12_a_body_cut_short_within_the_read_ahead(second: Httpd) -> None:
    apache = second.site("readahead.localhost")
    with apache.client() as client:
        client.start("POST", "/input_read", [("Content-Length", "100")])
        client.send(b"some")
        client.end_sending()
        with contextlib.suppress(NoResponse):
            assert client.response().status in (400, 500)
    assert apache.get("/hello").status == 200


def test_row_13_nobody_is_no_user(second: Httpd, apache: Site) -> None:
    environ = apache.get("/environ_json").json()["environ"]
    assert "REMOTE_USER" not in environ
    site = second.site("auth.localhost")
    assert site.get("/").status == 401
    token = base64.b64encode(b"user:secret").decode()
    environ = site.get("/", [("Authorization", f"Basic {token}")]).json()["environ"]
    assert environ["REMOTE_USER"] == "user"
    assert environ["AUTH_TYPE"] == "Basic"


def test_row_14_a_client_that_goes_is_noticed_by_writing(apache: Site) -> None:
    name = f"gone{time.monotonic_ns()}"
    client = apache.client()
    client.start("GET", "/body_closed" + query(name=name, parts=100_000, size=65536))
    client.start_response()
    client.reset()

    def closed() -> bool:
        return bool(apache.get("/body_closed" + query(name=name, count=1)).json() == 1)

    process.eventually(closed, "the body was closed")


def test_row_15_preload(second: Httpd) -> None:
    environ = second.site("first.localhost").get("/environ_json/x").json()["environ"]
    assert environ["PATH_INFO"] == "/x"


@pytest.mark.parametrize("form", ["list", "generator", "write"])
def test_row_19_failures_with_content_length_are_visible(apache: Site, form: str) -> None:
    with apache.client() as client:
        begin = time.monotonic()
        response = client.get("/body_length" + query(length=1000, body=10, form=form))
        assert response.body == b"x" * 10
        assert not response.complete
        assert time.monotonic() - begin < 2, "the connection ends at once, not by a timeout"


def test_row_19_small_responses_are_checked_before_they_leave(apache: Site) -> None:
    """There is no way to break a chunked response off, so what is there is looked at first."""
    response = apache.get("/body_wrong?what=later-text")
    assert response.status == 500
    assert response.complete


@pytest.mark.parametrize("name", [QUIRKS, APACHE])
@pytest.mark.parametrize(("size", "status"), [(8100, 200), (8174, 200), (8200, 500), (20_000, 500)])
def test_header_lines_of_8_kib_are_refused(
    servers: Servers, name: str, size: int, status: int
) -> None:
    """httpd would cut them and read the rest as another header (section 7)."""
    site = servers.site(name, "apps")
    since = site.log.mark()
    value = "v" * size + ": x"
    response = site.get("/header_any" + query(name="X-Long", value=value)[:100_000])
    if len(build("GET", "/header_any" + query(name="X-Long", value=value))) > 8190:
        response = site.get(f"/headers_many?count=1&size={size}")
        value = "0-" + "v" * size
    assert response.status == status
    if status == 200:
        assert (response.header("X-Long") or response.header("X-Number-0")) == value
    else:
        assert "too long for httpd" in site.log.wait_entry("The application failed", since).text


def test_expect_100_continue(apache: Site) -> None:
    """mod_isapi sets the request's status to 0 before it reads: httpd then gives no body at all."""
    headers = [("Expect", "100-continue"), ("Content-Length", "4")]
    with apache.client() as client:
        client.start("POST", "/input_read", headers)
        assert client.head().status == 100
        client.send(b"body")
        assert client.response().json() == ["body", ""]
    response = apache.post("/input_read", b"body", [("Expect", "100-continue")])
    assert response.json() == ["body", ""]


def test_expect_100_continue_with_read_ahead(second: Httpd) -> None:
    """There the body is lost before the door runs: 417 makes the client send it without waiting."""
    site = second.site("readahead.localhost")
    for body in (b"", b"body"):
        headers = [("Expect", "100-continue"), ("Content-Length", "4")]
        with site.client() as client:
            client.start("POST", "/input_read", headers, body)
            assert client.response().status == 417


def test_files_where_httpd_may_not_map_them(second: Httpd) -> None:
    """TRANSMIT_FILE opens a file again by the name it has not got, where mmap is not possible."""
    site = second.site("unmapped.localhost")
    for kind in ("real", "raw", "offset", "short"):
        response = site.get("/file_kinds" + query(kind=kind))
        assert response.complete, kind
        assert len(response.body) in (262144, 261144, 100)
