# SPDX-License-Identifier: Apache-2.0
"""Response bodies: framing, delivery, close(), lengths, failures, on every host."""

from __future__ import annotations

import uuid

import pytest
from harness import process
from harness.client import NoResponse, build
from harness.site import Site, query

# ---- forms and framing


@pytest.mark.parametrize(
    "form",
    [
        "list",
        "tuple",
        "generator",
        "set",
        "dict",
        "own-list",
        "by-index",
        "with-length",
        "map",
        "empty-parts",
    ],
)
def test_every_form_of_iterable(apps: Site, form: str) -> None:
    response = apps.get("/body_forms" + query(form=form))
    assert response.status == 200
    assert response.body == b"the body"
    assert response.complete


@pytest.mark.parametrize("form", ["list", "tuple"])
@pytest.mark.parametrize("parts", [1, 2, 15, 16, 17, 63, 64, 65, 1000, 50_000])
def test_lists_get_a_content_length(apps: Site, form: str, parts: int) -> None:
    response = apps.get("/body_list" + query(form=form, parts=parts))
    expected = b"".join(b"%d," % n for n in range(parts))
    assert response.body == expected
    if not (apps.is_apache and parts > 64):  # httpd decides after the first write
        assert response.header("Content-Length") == str(len(expected))
        assert response.header("Transfer-Encoding") is None


def test_one_part_gets_a_content_length(apps: Site) -> None:
    response = apps.get("/hello")
    assert response.header("Content-Length") == "14"
    assert response.framing == "length"


def test_generators_are_chunked(apps: Site) -> None:
    response = apps.get("/body_forms?form=generator")
    assert response.framing == "chunked"
    assert response.header("Content-Length") is None


def test_generators_end_the_connection_in_http_1_0(apps: Site) -> None:
    with apps.client() as client:
        client.send(build("GET", "/body_forms?form=generator", host=apps.host, version="1.0"))
        response = client.response()
    assert response.header("Transfer-Encoding") is None
    assert response.framing in ("close", "length")
    assert response.body == b"the body"
    assert response.complete


@pytest.mark.parametrize("form", ["list", "tuple", "generator", "part"])
def test_empty_body(apps: Site, form: str) -> None:
    with apps.client() as client:
        response = client.get("/body_empty" + query(form=form))
        assert response.status == 200
        assert response.header("Content-Type") == "text/plain; charset=utf-8"
        assert response.body == b""
        assert response.complete
        assert client.get("/hello").body == b"Hello, world!\n"


def test_each_part_is_delivered_before_the_next_is_asked_for(apps: Site) -> None:
    name = uuid.uuid4().hex
    with apps.client() as client:
        client.start("GET", "/body_one_at_a_time" + query(name=name, count=4))
        response = client.start_response()
        parts = client.parts(response)
        for number in range(4):
            assert next(parts) == b"part %d\n" % number
            asked = apps.get("/body_one_at_a_time" + query(name=name, release=1)).json()
            assert asked == number + 1
        assert list(parts) == []
        assert response.complete


@pytest.mark.parametrize("length", [False, True])
def test_large_body(apps: Site, length: bool) -> None:
    response = apps.get("/body_huge?mib=20" + ("&length=1" if length else ""))
    assert response.complete
    assert response.framing == ("length" if length else "chunked")
    assert response.body == bytes(range(256)) * (20 * 4096)


def test_wrong_bodies(apps: Site) -> None:
    for what in ("none", "number", "text", "texts", "generator-text", "numbers", "nones"):
        since = apps.log.mark()
        response = apps.get("/body_wrong" + query(what=what))
        assert response.status == 500, what
        assert "TypeError" in apps.log.wait_entry("The application failed:", since).text, what


def test_nothing_returned_is_told(apps: Site) -> None:
    since = apps.log.mark()
    assert apps.get("/body_wrong?what=none").status == 500
    text = apps.log.wait_entry("The application failed:", since).text
    assert "the application has returned None: it must return its body" in text


@pytest.mark.parametrize("what", ["later-text", "bytearray"])
def test_lists_are_checked_before_anything_leaves(apps: Site, what: str) -> None:
    assert apps.get("/body_wrong" + query(what=what)).status == 500


# ---- no body where none may be

FORMS = ["list", "iterable", "write"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("line", ["204 No Content", "304 Not Modified"])
def test_bodiless_statuses(apps: Site, line: str, form: str) -> None:
    with apps.client() as client:
        response = client.get("/status_bodiless" + query(line=line, form=form))
        assert f"{response.status} {response.reason}" == line
        assert response.header("Transfer-Encoding") is None
        assert response.header("X-Test") == "kept"
        # Had a body been sent, it would stand before the next status line.
        assert client.get("/hello").body == b"Hello, world!\n"


def test_length_of_304_is_kept_and_of_204_dropped(apps: Site) -> None:
    target = "/status_bodiless" + query(form="list", length=1234)
    assert apps.get(target + "&line=204").header("Content-Length") is None
    if not apps.is_apache:  # httpd removes it from a 304
        assert apps.get(target + "&line=304").header("Content-Length") == "1234"


@pytest.mark.parametrize("form", FORMS)
def test_status_205(ours: Site, form: str) -> None:
    with ours.client() as client:
        response = client.get("/status_bodiless" + query(line="205 Reset", form=form))
        assert response.status == 205
        assert response.complete
        assert response.body == b"", "RFC 9110, 15.3.6: a 205 has no content"
        assert client.get("/hello").body == b"Hello, world!\n"


@pytest.mark.parametrize("line", ["100 Continue", "101 Switching Protocols", "199 Odd"])
def test_interim_statuses_of_an_application_do_not_hang(ours: Site, line: str) -> None:
    with ours.client() as client:
        client.start("GET", "/status_bodiless" + query(line=line, form="list"))
        try:
            head = client.head()
        except NoResponse:
            return
        assert head.header("Transfer-Encoding") is None
        assert b"must not be sent" not in client.drain()
    assert ours.get("/hello").status == 200


def test_close_is_called_for_bodiless_statuses(apps: Site) -> None:
    before = apps.get("/status_bodiless?closed").json()[0]
    apps.get("/status_bodiless" + query(line="204 No", form="iterable"))
    assert apps.get("/status_bodiless?closed").json()[0] == before + 1


@pytest.mark.parametrize(
    "target",
    ["/hello", "/body_list?parts=100", "/body_forms?form=generator", "/write_callable"],
)
def test_head(apps: Site, target: str) -> None:
    with apps.client() as client:
        response = client.request("HEAD", target)
        assert response.status == 200
        assert response.body == b""
        assert client.get("/hello").body == b"Hello, world!\n"


def test_head_keeps_the_content_length_of_the_application(apps: Site) -> None:
    with apps.client() as client:
        response = client.request("HEAD", "/body_length" + query(length=10, body=10, form="list"))
        assert response.header("Content-Length") == "10"
        assert client.get("/hello").status == 200


@pytest.mark.parametrize("kind", ["real", "bytesio"])
def test_head_of_a_file(apps: Site, kind: str) -> None:
    with apps.client() as client:
        response = client.request("HEAD", "/file_kinds" + query(kind=kind, length=262144))
        assert response.header("Content-Length") == "262144"
        assert client.get("/hello").body == b"Hello, world!\n"


# ---- close()


def closed(site: Site, name: str) -> int:
    """How often close() was called."""
    return int(site.get("/body_closed" + query(name=name, count=1)).json())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("form", ["iterable", "list"])
def test_close_is_called_once(apps: Site, method: str, form: str) -> None:
    name = uuid.uuid4().hex
    apps.request(method, "/body_closed" + query(name=name, form=form))
    process.eventually(lambda: closed(apps, name) > 0, "close() was called")
    assert closed(apps, name) == 1


def test_close_is_called_once_when_the_client_goes(apps: Site) -> None:
    name = uuid.uuid4().hex
    client = apps.client()
    client.start("GET", "/body_closed" + query(name=name, parts=100_000, size=65536))
    response = client.start_response()
    next(client.parts(response))
    client.reset()
    process.eventually(lambda: closed(apps, name) > 0, "close() was called")
    assert closed(apps, name) == 1


def test_a_client_that_goes_is_no_error_in_the_log(ours: Site) -> None:
    since = ours.log.mark()
    test_close_is_called_once_when_the_client_goes(ours)
    assert [e.text for e in ours.log.entries(since) if e.level == "ERROR"] == []


@pytest.mark.parametrize("where", ["iter", "first", "third", "close"])
def test_close_is_called_once_after_errors(apps: Site, where: str) -> None:
    before = apps.get("/body_raises?closed").json()
    apps.get("/body_raises" + query(where=where))
    assert apps.get("/body_raises?closed").json() == before + 1


def test_failing_close_leaves_the_response_whole(apps: Site) -> None:
    since = apps.log.mark()
    with apps.client() as client:
        response = client.get("/body_raises?where=close&length=14")
        assert response.complete
        assert response.body == b"part 1\npart 2\n"
    entry = apps.log.wait_entry("close", since)
    assert "RuntimeError: in" in entry.text


# ---- failures


@pytest.mark.parametrize("where", ["before", "after", "iter", "first"])
def test_error_before_the_first_byte_gives_500(apps: Site, where: str) -> None:
    since = apps.log.mark()
    response = apps.get("/body_raises" + query(where=where))
    assert response.status == 500
    assert response.complete
    assert b"<!DOCTYPE html>" in response.body
    assert b"RuntimeError" not in response.body
    reference = response.text.split("Reference ")[1].split("<")[0]
    process.eventually(
        lambda: any(
            entry.request_id == reference and "RuntimeError" in entry.text
            for entry in apps.log.entries(since)
        ),
        "the log has the traceback under the page's reference",
    )


@pytest.mark.parametrize("length", [None, 1000])
def test_error_after_the_first_byte_never_looks_complete(apps: Site, length: int | None) -> None:
    since = apps.log.mark()
    options = {"where": "third"} | ({"length": length} if length else {})
    response = apps.get("/body_raises" + query(**options))
    assert response.status == 200
    assert response.body == b"part 1\npart 2\n"
    if apps.like_apache and not length:
        pytest.skip("mod_isapi has no way to break a chunked response off (ISAPI.md, 9: 19)")
    assert not response.complete
    assert "in part 3" in apps.log.wait_entry("The application failed:", since).text


def test_error_after_the_first_byte_in_http_1_0(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/body_raises?where=third", version="1.0"))
        response = client.response()
    assert response.framing == "close"
    assert not response.complete, "the end of the connection is the end of the body: it needs RST"


# ---- Content-Length of the application


@pytest.mark.parametrize("form", ["list", "generator", "write"])
def test_right_length(apps: Site, form: str) -> None:
    response = apps.get("/body_length" + query(length=1000, body=1000, form=form))
    assert response.header("Content-Length") == "1000"
    assert response.header("Transfer-Encoding") is None
    assert response.body == b"x" * 1000


@pytest.mark.parametrize("form", ["list", "generator", "write"])
@pytest.mark.parametrize("body", [0, 1, 999])
def test_too_few_bytes_end_the_connection_visibly(apps: Site, form: str, body: int) -> None:
    since = apps.log.mark()
    with apps.client() as client:
        response = client.get("/body_length" + query(length=1000, body=body, form=form))
        if body:
            assert response.header("Content-Length") == "1000"
            assert not response.complete
            assert client.is_closed()
        else:  # nothing had left yet
            assert response.status == 500
            assert response.complete
    entry = apps.log.wait_entry("(less than|no body for) its Content-Length", since)
    assert entry.level == "ERROR"


@pytest.mark.parametrize("form", ["list", "generator", "write"])
@pytest.mark.parametrize("body", [1001, 2000, 300_000])
def test_too_many_bytes_are_cut_and_logged(apps: Site, form: str, body: int) -> None:
    since = apps.log.mark()
    with apps.client() as client:
        response = client.get("/body_length" + query(length=1000, body=body, form=form))
        assert response.complete
        assert response.body == b"x" * 1000
        assert client.get("/hello").body == b"Hello, world!\n"
    entry = apps.log.wait_entry("more than its Content-Length", since)
    assert entry.level == "WARNING"
    assert entry.request_id


def test_length_of_zero_with_a_body(apps: Site) -> None:
    with apps.client() as client:
        response = client.get("/body_length" + query(length=0, body=10, form="list"))
        assert response.header("Content-Length") == "0"
        assert client.get("/hello").body == b"Hello, world!\n"


def test_status_500_with_own_body(apps: Site) -> None:
    response = apps.get("/status_any" + query(line="500 My own"))
    assert (response.status, response.reason) == (500, "My own")
    assert response.body == b"a body\n"


def test_head_of_status_500(apps: Site) -> None:
    with apps.client() as client:
        response = client.request("HEAD", "/status_any" + query(line="500 My own"))
        assert (response.status, response.reason) == (500, "My own")
        assert response.body == b""


@pytest.mark.parametrize("line", ["400 No", "404 No", "503 No"])
def test_error_bodies_are_the_applications_own(apps: Site, line: str) -> None:
    response = apps.get("/status_any" + query(line=line))
    assert response.body == b"a body\n"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
