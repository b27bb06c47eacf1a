# SPDX-License-Identifier: Apache-2.0
"""Django (the demo site) and Flask, on every host."""

from __future__ import annotations

import hashlib
import html
import itertools
import random
import re
import time
from urllib.parse import quote, urlencode

import pytest
from harness.site import Site
from harness.web import FORM, Browser, multipart

LARGE = 20 * 2**20

pytest.importorskip("django", reason="Django is not installed (tests/requirements.txt)")
pytest.importorskip("flask", reason="Flask is not installed (tests/requirements.txt)")

# ---- Django


def login(site: Site) -> Browser:
    """The administrator."""
    browser = Browser(site)
    response = browser.submit("/admin/login/?next=/admin/", username="admin", password="admin")
    assert response.status == 302
    assert response.header("Location") == "/admin/"
    return browser


def test_front_page_links_work(demo: Site) -> None:

    page = demo.get("/")
    assert page.status == 200
    links = re.findall(r'href="(/[^"]*)"', page.text)
    assert len(links) > 8
    for link in links:
        expected = {"/error/": 500, "/admin/": 302, "/nothing/here/": 404}.get(link, 200)
        target = link + "?pause=0" if link == "/stream/" else link
        assert demo.get(target).status == expected, link


def test_admin_login(demo: Site) -> None:
    browser = login(demo)
    page = browser.get("/admin/")
    assert page.status == 200
    assert "Site administration" in page.text
    assert "sessionid" in browser.cookies


def test_wrong_password(demo: Site) -> None:
    browser = Browser(demo)
    page = browser.submit("/admin/login/", username="admin", password="wrong")
    assert page.status == 200
    assert "correct username and password" in page.text
    assert "sessionid" not in browser.cookies


def test_admin_adds_an_entry(demo: Site) -> None:
    browser = login(demo)
    text = f"text of {time.time_ns()}"
    response = browser.submit("/admin/pages/entry/add/", name="Admin", text=text)
    assert response.status == 302
    assert text in browser.get("/admin/pages/entry/").text


def test_static_files_of_the_admin(demo: Site) -> None:
    response = demo.get("/static/admin/css/base.css")
    assert response.status == 200
    assert response.header("Content-Type") == "text/css"
    assert response.header("Content-Length") == str(len(response.body))
    assert b"--primary" in response.body
    modified = response.header("Last-Modified")
    assert modified
    again = demo.get("/static/admin/css/base.css", [("If-Modified-Since", modified)])
    assert again.status == 304
    assert again.body == b""


def test_guest_book(demo: Site) -> None:
    text = f"Grüße & <tags> Ω 例 {time.time_ns()}"
    browser = Browser(demo)
    response = browser.submit("/guestbook/", name="Jürgen", text=text)
    assert response.status == 302
    assert response.header("Location") == "/guestbook/"
    page = browser.get("/guestbook/").text
    assert html.escape(text) in page
    assert "Jürgen" in page


def test_form_without_token(demo: Site) -> None:
    body = urlencode({"name": "x", "text": "y"}).encode()
    response = demo.post("/guestbook/", body, [("Content-Type", FORM)])
    assert response.status == 403
    assert "CSRF" in response.text


def test_form_with_errors(demo: Site) -> None:
    page = Browser(demo).submit("/guestbook/", name="", text="text").text
    assert "This field is required" in page


@pytest.mark.parametrize("size", [0, 1, 2_600_000, LARGE])
def test_upload(demo: Site, size: int) -> None:
    content = random.Random(size).randbytes(size)
    browser = Browser(demo)
    token = browser.token("/upload/")
    page = browser.upload("/upload/", "größe.bin", content, token).text
    assert hashlib.sha256(content).hexdigest() in page
    assert f'<span id="size">{size}</span>' in page
    assert "größe.bin" in page


def test_streamed_page(demo: Site) -> None:
    with demo.client() as client:
        client.start("GET", "/stream/?lines=5&pause=0.2")
        response = client.start_response()
        assert response.framing == "chunked"
        arrivals = []
        for number, part in enumerate(client.parts(response), 1):
            assert part == b"Line %d of 5\n" % number
            arrivals.append(time.monotonic())
    assert response.complete
    assert len(arrivals) == 5
    gaps = [after - before for before, after in itertools.pairwise(arrivals)]
    assert min(gaps) > 0.1, "each line is sent when it is made"


def test_download(demo: Site) -> None:
    response = demo.get("/download/")
    assert response.text.startswith("Dear Jürgen,")
    assert response.header("Content-Length") == str(len(response.body))
    disposition = response.header("Content-Disposition") or ""
    assert quote("Brief an Jürgen.txt") in disposition


def test_head_of_a_download(demo: Site) -> None:
    with demo.client() as client:
        response = client.request("HEAD", "/download/")
        assert response.status == 200
        assert int(response.header("Content-Length") or 0) > 100
        assert client.get("/").status == 200


def test_error_page_of_the_site(demo: Site) -> None:
    since = demo.log.mark()
    response = demo.get("/error/")
    assert response.status == 500
    assert response.reason == "Internal Server Error"
    assert "Something went wrong here" in response.text
    assert "on purpose" not in response.text
    demo.log.wait("RuntimeError: This page fails on purpose", since)


def test_missing_page_of_the_site(demo: Site) -> None:
    response = demo.get("/nothing/here/")
    assert response.status == 404
    assert "There is no such page" in response.text


def test_missing_slash_redirects(demo: Site) -> None:
    response = demo.get("/guestbook?x=y")
    assert response.status == 301
    assert response.header("Location") == "/guestbook/?x=y"


@pytest.mark.parametrize("name", ["Jürgen Ω 例", "a+b&c=d?e#f", "100% <b>"])
def test_address_beyond_ascii(demo: Site, name: str) -> None:
    page = demo.get("/" + quote("grüße") + "/" + quote(name, safe="") + "/")
    assert page.status == 200
    assert f'<span id="name">{html.escape(name)}</span>' in page.text


# ---- Flask


def test_flask_routes(real: Site) -> None:
    assert real.get("/flask/").body == b"Flask"
    assert real.get("/flask/hello/" + quote("Jürgen")).text == "Hello, Jürgen!"
    assert real.get("/flask/nothing").status == 404
    assert real.request("DELETE", "/flask/").status == 405


def test_flask_session_and_form(real: Site) -> None:
    browser = Browser(real)
    body = urlencode({"name": "Ω é"}).encode()
    response = browser.request("POST", "/flask/form", body, [("Content-Type", FORM)])
    assert response.status == 302
    assert response.header("Location") == "/flask/form"
    assert browser.get("/flask/form").text == "name: Ω é"


def test_flask_upload(real: Site) -> None:
    content = random.Random(1).randbytes(3_000_000)
    kind, body = multipart({}, "file", "a.bin", content)
    answer = real.post("/flask/upload", body, [("Content-Type", kind)]).json()
    expected = hashlib.sha256(content).hexdigest()
    assert answer == {"name": "a.bin", "size": 3_000_000, "sha256": expected}


def test_flask_json(real: Site) -> None:
    headers = [("Content-Type", "application/json")]
    assert real.post("/flask/json", b'{"a": [1, "\xc3\xa9"]}', headers).json() == {"a": [1, "é"]}


def test_flask_stream_and_files(real: Site) -> None:
    assert real.get("/flask/stream").text == "".join(f"line {n}\n" for n in range(5))
    assert real.get("/flask/file").body == b"from memory"
    whole = real.get("/flask/self")
    etag = whole.header("ETag") or ""
    part = real.get("/flask/self", [("Range", "bytes=10-29")])
    assert part.status == 206
    assert part.body == whole.body[10:30]
    assert part.header("Content-Length") == "20"
    assert real.get("/flask/self", [("If-None-Match", etag)]).status == 304


def test_flask_knows_its_address(real: Site) -> None:
    assert real.get("/flask/where").text == f"http://{real.host}/flask/hello/%C3%A4%20b"


def test_flask_error(real: Site) -> None:
    since = real.log.mark()
    assert real.get("/flask/error").status == 500
    real.log.wait("RuntimeError: flask fails on purpose", since)
