# SPDX-License-Identifier: Apache-2.0
"""The page API and pages in a document root, on every host (tests/pages)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import windows
from harness.client import NoResponse, Response
from harness.paths import command, host_program, package
from harness.serve import Serve
from harness.site import IIS, Site, query

NOT_PROCESSING = "Exception: Not currently processing a request"


def ask(site: Site, do: str, **values: object) -> Response:
    """A page's way, with GET."""
    return site.get("/api.py" + query(do=do, **values))


def answer(site: Site, do: str, **values: object) -> Any:
    """What it writes as JSON."""
    return json.loads(ask(site, do, **values).body)


# ---- Header


def test_a_page_answers(pages: Site) -> None:
    response = pages.get("/hello.py")
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
    assert response.all("Content-Type") == ["text/plain"]
    assert response.header("Content-Length") == "5"


def test_headers_add_up(pages: Site) -> None:
    response = ask(pages, "headers_add_up")
    assert response.header("X-One") == "1"
    assert ", ".join(response.all("X-Two")) == "2, zwei"
    assert response.header("X-Three") == "3"
    assert response.all("Content-Type") == ["text/html"]


def test_a_page_that_gives_nothing(pages: Site) -> None:
    response = ask(pages, "nothing")
    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("code", [201, 204, 304, 308, 422, 429, 451, 599])
def test_every_status(pages: Site, code: int) -> None:
    response = ask(pages, "status", code=code)
    assert response.status == code
    assert response.body == (b"" if code in (204, 304) else b"body")


def test_a_reason_of_its_own(pages: Site) -> None:
    response = ask(pages, "status", code=418, reason="I'm a teapot")
    assert (response.status, response.reason) == (418, "I'm a teapot")


def test_redirect(pages: Site) -> None:
    response = ask(pages, "redirect")
    assert (response.status, response.header("Location")) == (302, "/elsewhere")


def test_what_cannot_be_a_header(pages: Site) -> None:
    errors = answer(pages, "wrong_headers")
    kinds = [error.partition(":")[0] for error in errors]
    assert kinds == ["ValueError"] * 4 + ["TypeError"] + ["ValueError"] * 6
    assert errors[5] == "ValueError: Invalid status code"


def test_headers_after_data(pages: Site) -> None:
    assert ask(pages, "too_late").body == b"first Exception: Headers already sent"


def test_close(pages: Site) -> None:
    with pages.client() as client:
        response = client.get("/api.py" + query(do="close"))
        assert response.body == b"False"
        assert client.is_closed()


# ---- Length and the output rule


def test_length(pages: Site) -> None:
    response = ask(pages, "length")
    assert (response.header("Content-Length"), response.body) == ("10", b"0123456789")


def test_more_than_length(pages: Site) -> None:
    mark = pages.log.mark()
    response = ask(pages, "length_exceeded")
    assert (response.header("Content-Length"), response.body) == ("4", b"0123")
    pages.log.wait("ValueError: more is written than the Length of 4 bytes", mark)


def test_less_than_length(pages: Site) -> None:
    try:
        response = ask(pages, "length_missed")
    except (NoResponse, ConnectionError):
        return
    assert not response.complete


def test_length_is_set_once(pages: Site) -> None:
    assert ask(pages, "length_twice").body == b"Value"


def test_what_fits_has_a_length(pages: Site) -> None:
    response = ask(pages, "large", parts=131)
    assert (response.header("Content-Length"), len(response.body)) == ("131000", 131000)


def test_what_does_not_fit_is_a_stream(pages: Site) -> None:
    response = ask(pages, "large", parts=132)
    assert response.header("Content-Length") is None
    assert (response.complete, len(response.body)) == (True, 132000)


def test_a_stream_for_http_1_0(pages: Site) -> None:
    with pages.client() as client:
        target = "/api.py" + query(do="large", parts=132)
        client.send(f"GET {target} HTTP/1.0\r\nHost: {pages.host}\r\n\r\n".encode())
        response = client.response()
    assert response.header("Transfer-Encoding") is None
    assert len(response.body) == 132000


def test_head(pages: Site) -> None:
    with pages.client() as client:
        response = client.request("HEAD", "/api.py" + query(do="large", parts=10))
        assert (response.status, response.body) == (200, b"")
        assert response.header("Content-Length") == "10000"
        assert client.get("/hello.py").body == b"hello"


# ---- Write


@pytest.mark.parametrize(
    ("charset", "expected"),
    [("utf-8", "grüß".encode()), ("latin-1", "grüß".encode("latin-1")), ('"cp850"', b"gr\x81\xe1")],
)
def test_text_has_the_charset_of_the_response(pages: Site, charset: str, expected: bytes) -> None:
    assert ask(pages, "text", charset=charset).body == expected


def test_text_that_the_charset_lacks(pages: Site) -> None:
    assert ask(pages, "unencodable").body.startswith(b"UnicodeEncodeError")


def test_what_can_be_written(pages: Site) -> None:
    body = ask(pages, "kinds").body
    assert body == (
        b"bytes bytearray memoryview str TypeError: Write() takes bytes or str, not int; None"
    )


def test_without_a_buffer(pages: Site) -> None:
    response = ask(pages, "unbuffered")
    first, _, rest = response.body.partition(b"\n")
    assert first == b"first"
    *flags, error = json.loads(rest)
    assert flags == [False, False, True, True]
    assert error.startswith("RuntimeError: it is too late")


# ---- Read


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("0", ["0123456789"]),
        ("0,0", ["0123456789", ""]),
        ("-1,4,-1,0,-1", [10, "0123", 6, "456789", 0]),
        ("20", ["0123456789"]),
    ],
)
def test_read(pages: Site, sizes: str, expected: list[str | int]) -> None:
    response = pages.post("/api.py" + query(do="read", sizes=sizes), b"0123456789")
    assert json.loads(response.body) == expected


def test_read_without_a_body(pages: Site) -> None:
    assert answer(pages, "read", sizes="-1,0,5") == [0, "", ""]


def test_read_a_chunked_body(pages: Site) -> None:
    if pages.like_apache:
        pytest.skip("mod_isapi answers 411 itself (ISAPI.md, section 9)")
    with pages.client() as client:
        client.send(
            f"POST /api.py{query(do='read', sizes='-1,0')} HTTP/1.1\r\nHost: {pages.host}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n".encode()
        )
        left, body = json.loads(client.response("POST").body)
    assert (left in (-1, 10), body) == (True, "0123456789")


# ---- Env


def test_env(pages: Site) -> None:
    names = "REQUEST_METHOD,SCRIPT_NAME,PATH_INFO,URL,REMOTE_ADDR,HTTP_X_ONE,HTTPS,NOPE,HTTP_NOPE"
    target = "/api.py/more/path" + query(do="env", names=names)
    seen = json.loads(pages.get(target, [("X-One", "1"), ("X-One", "eins")]).body)
    assert seen == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/api.py",
        "PATH_INFO": "/more/path",
        "URL": "/api.py/more/path",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_ONE": seen["HTTP_X_ONE"],
        "HTTPS": "off",
        "NOPE": "",
        "HTTP_NOPE": "",
    }
    assert seen["HTTP_X_ONE"].replace(" ", "") == "1,eins"


def test_env_knows_the_file(pages: Site) -> None:
    seen = answer(pages, "env", names="SCRIPT_TRANSLATED,PATH_TRANSLATED,SERVER_PORT,KeepAlive")
    assert Path(seen["SCRIPT_TRANSLATED"].replace("\\", "/")).name == "api.py"
    assert seen["PATH_TRANSLATED"] == seen["SCRIPT_TRANSLATED"]
    assert seen["SERVER_PORT"].isdecimal()
    assert seen["KeepAlive"] is True


# ---- the end of a request


def test_system_exit_is_no_error(pages: Site) -> None:
    response = ask(pages, "leave")
    assert (response.status, response.body) == (200, b"before")


def test_a_page_that_fails(pages: Site) -> None:
    mark = pages.log.mark()
    response = ask(pages, "fail")
    assert response.status == 500
    assert b"secret" not in response.body and b"must not" not in response.body
    text = pages.log.wait_entry("The application failed", mark).text
    assert "secret of the page" in text
    assert "_pages.py" not in text and "Isapi.py" not in text  # the page's own frames only


def test_a_page_that_fails_late(pages: Site) -> None:
    try:
        response = ask(pages, "fail_late")
    except (NoResponse, ConnectionError):
        return
    assert pages.like_apache or not response.complete


def test_only_true_passes_on(pages: Site) -> None:
    assert ask(pages, "one").body == b"one"


def test_a_thread_of_a_page_has_no_request(pages: Site) -> None:
    mark = pages.log.mark()
    assert answer(pages, "in_thread") == [NOT_PROCESSING] * 4
    pages.log.wait("printed by a thread", mark)


def test_requests_beside_each_other(pages: Site) -> None:
    """Each sees its own, although they take turns."""
    with pages.client() as one, pages.client() as other:
        for i in range(20):
            for client, name in ((one, "one"), (other, "other")):
                target = "/api.py" + query(do="read", sizes="0", name=name)
                client.start("POST", target, [("Content-Length", "9")], b"")
            for client in (one, other):
                client.send(b"012345678")
            assert json.loads(one.response("POST").body) == ["012345678"], i
            assert json.loads(other.response("POST").body) == ["012345678"], i


# ---- WSGI within a page


@pytest.mark.parametrize(
    ("path", "base", "expected"),
    [
        ("/api.py", "/", ["", "/api.py", "posted"]),
        ("/api.py/x", "/api.py", ["/api.py", "/x", "posted"]),
        ("/api.py/x", "/api.py/", ["/api.py", "/x", "posted"]),
    ],
)
def test_run_wsgi(pages: Site, path: str, base: str, expected: list[str]) -> None:
    response = pages.post(path + query(do="wsgi", base=base), b"posted")
    assert (response.status, response.reason) == (418, "I'm a teapot")
    assert json.loads(response.body) == expected
    assert response.header("X-Page") == "yes"


def test_wsgi_is_not_below_the_beginning_of_a_name(pages: Site) -> None:
    assert ask(pages, "wsgi", base="/api").status == 404


def test_wsgi_by_hand(pages: Site) -> None:
    response = pages.post("/api.py" + query(do="wsgi_by_hand"), b"posted")
    assert (response.status, response.reason) == (418, "I'm a teapot")
    assert json.loads(response.body) == ["", "/api.py", "posted"]


def test_a_handler_sees_what_the_application_raises(pages: Site) -> None:
    for do in ("wsgi_fails", "wsgi_fails_later"):
        response = ask(pages, do)
        assert (response.status, response.body) == (500, b"caught of the application")
        assert response.header("X-Failing") is None


def test_after_wsgi_nothing_can_be_written(pages: Site) -> None:
    assert json.loads(ask(pages, "wsgi_then").body) == ["", "/api.py", ""]


def test_no_wsgi_after_a_page_has_begun(pages: Site) -> None:
    assert ask(pages, "wsgi_late").body == b"pageException: The response has begun already"


# ---- scripts


def test_a_script(pages: Site) -> None:
    for _ in range(2):
        mark = pages.log.mark()
        response = pages.post("/script.py", b"one\ntwo\nthree\n")
        assert response.header("Content-Type") == "text/plain; charset=utf-8"
        text = response.body.replace(b"\r\n", b"\n")
        assert text == b"__main__: one, then two\nthree\nbytes\n1 True\n"
        pages.log.wait("to the log", mark)


# ---- the document root


def test_a_folder_has_an_index(pages: Site) -> None:
    assert json.loads(pages.get("/sub/").body) == ["/sub/", "", "/sub/"]


def test_a_folder_needs_its_slash(pages: Site) -> None:
    response = pages.get("/sub?a=1&b=%20")
    assert (response.status, response.header("Location")) == (301, "/sub/?a=1&b=%20")
    assert pages.get("/nope").status == 404
    assert pages.get("/.git").status in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/nope.py",
        "/hello.py.",
        "/hello.py%20",
        "/hello.py::$DATA",
        "/hello.pyc",
        "/__init__.py",
        "/_menu.py",
        "/.git/page.py",
        "/.hidden",
        "/pyisapie.ini",
        "/link.py",
        "/link.txt",
        "/../outside.py",
        "/%2e%2e/outside.py",
        "/sub/../../outside.txt",
        "/..%2foutside.txt",
        "/sub/%2e%2e/%2e%2e/outside.py",
        "/..%5coutside.py",
        "/hello.py%00.txt",
        "/sub/%00",
        "/con.py",
        "/nope/hello.py",
        "/OUTSID~1.PY",
    ],
)
def test_what_no_path_reaches(pages: Site, path: str) -> None:
    if pages.server == IIS and path in ("/.hidden", "/pyisapie.ini", "/link.txt"):
        pytest.skip("what is no page is the server's")
    response = pages.get(path)
    assert response.status in (400, 403, 404)
    assert b"must not" not in response.body and b"import" not in response.body


def test_a_name_is_not_empty(pages: Site) -> None:
    """But httpd takes two slashes for one."""
    assert pages.get("//hello.py").status == (200 if pages.is_apache else 404)


@pytest.mark.parametrize("path", ["/syntax.py", "/raises.py"])
def test_a_page_that_cannot_be_loaded(pages: Site, path: str) -> None:
    for _ in range(2):
        mark = pages.log.mark()
        response = pages.get(path)
        assert response.status == 500
        assert b"secret" not in response.body
        pages.log.wait("The application failed", mark)


def test_a_page_is_loaded_again_when_it_changes(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    page = root / "page.py"
    page.write_text("from Http import Write\ndef Request(): Write('one')\n")
    site = serve("./", root=root)
    with site.client() as client:
        assert client.get("/page.py").body == b"one"
        page.write_text("from Http import Write\ndef Request(): Write('another')\n")
        deadline = time.monotonic() + 10
        while client.get("/page.py").body != b"another":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        page.unlink()
        while client.get("/page.py").status != 404:
            assert time.monotonic() < deadline + 10
            time.sleep(0.1)


@pytest.mark.skipif(bool(windows.NAME), reason="names of files are UTF-16 there")
def test_names_that_are_no_utf_8(serve: Callable[..., Serve], tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/p\xff.py", "wb") as file:
        file.write(b"print('page')\n")
    site = serve("./", root=tmp_path).site("ours")
    response = site.get("/p%ff.py")
    assert (response.status, response.body) == (200, b"page\n")


@pytest.mark.skipif(bool(windows.NAME), reason="modes of files are POSIX's")
def test_a_page_that_may_not_be_read(serve: Callable[..., Serve], tmp_path: Path) -> None:
    """By a server that is not root, who may read everything."""
    root = Path(tempfile.mkdtemp(prefix="pages-"))  # tmp_path is its owner's only
    root.chmod(0o755)
    (root / "page.py").write_text("print('must not be served')\n")
    (root / "page.py").chmod(0)
    before = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.geteuid() == 0 else []
    if before and subprocess.run([*before, command(), "--version"], check=False).returncode:
        pytest.skip("nobody may not run this Python")
    try:
        site = serve("./", root=root, before=before, cwd=root).site("ours")
        assert site.get("/page.py").status == 403
    finally:
        shutil.rmtree(root)


def test_a_page_that_misses_a_file_is_there_itself(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "page.py").write_text("open('nowhere')\nRequest = None\n")
    assert serve("./", root=root).site("ours").get("/page.py").status == 500


def test_a_page_that_is_loaded_slowly_holds_up_no_other(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    slow = "import time\ntime.sleep(3)\nfrom Http import Write\ndef Request(): Write('slow')\n"
    (root / "slow.py").write_text(slow)
    (root / "page.py").write_text("from Http import Write\ndef Request(): Write('page')\n")
    site = serve("./", root=root).site("ours")
    with site.client() as one, site.client() as other:
        one.start("GET", "/slow.py")
        begin = time.monotonic()
        while time.monotonic() < begin + 2:
            assert other.get("/page.py").body == b"page"
        assert one.response().body == b"slow"


def test_no_such_folder(serve: Callable[..., Serve], tmp_path: Path) -> None:
    """`pyisapie serve` itself refuses to start with one: test_settings.py."""
    (tmp_path / "pyisapie.toml").write_text('app = "./nope"\n')
    program = [] if windows.NAME else [host_program(), "--door", package() / "pyisapie.so"]
    folders = ("--quirks", "iis", "--applications", f"/={windows.native(tmp_path)}")
    site = serve("", *folders, root=None, program=program).site("ours")
    response = site.get("/")
    assert response.status == 500
    assert b"folder of pages" in response.body
