# SPDX-License-Identifier: Apache-2.0
"""The examples, each on every kind of host, as their own README says that they are served."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import pytest
from harness import windows
from harness.client import NoResponse, Response
from harness.examples import UPLOAD_LIMIT, Examples
from harness.paths import EXAMPLES
from harness.site import IIS, OURS, Site

START = 90.0  # seconds: under Wine the packages are compiled at their import
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def needs(module: str) -> None:
    """Skip where an example's package is not there."""
    if not windows.NAME and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed here")


def test_each_example_is_tested() -> None:
    names = {path.parent.name for path in EXAMPLES.glob("*/pyisapie.toml")}
    source = Path(__file__).read_text("utf-8")
    assert [name for name in sorted(names) if f'site("{name}"' not in source] == []
    assert [name for name in sorted(names) if not (EXAMPLES / name / "README.md").exists()] == []


# ---- info


def test_info_shows_the_request(examples: Examples) -> None:
    site = examples.site("info")
    fields = [("X-Test", '<script>"'), ("Cookie", "key=secret")]
    response = site.get("/index.py/gr%C3%BCn?a=<b>", fields)
    page = response.text
    assert (response.status, response.header("Cache-Control")) == (200, "no-store")
    assert "/index.py/grün" in page and "a=&lt;b&gt;" in page
    assert "HTTP_X_TEST" in page and "&lt;script&gt;&quot;" in page and '<script>"' not in page
    assert "HTTP_COOKIE" in page and "secret" not in page
    assert "PyISAPIe 2" in page and "<td>GET<" in page and "<td>127.0.0.1<" in page


def test_info_counts(examples: Examples) -> None:
    site = examples.site("info")
    one, two = (json.loads(site.get("/?counters").body) for _ in range(2))
    assert int(two["requests to this page"]) > 0
    assert float(two["memory of the process"].removesuffix(" MiB").replace(",", "")) > 1
    assert one.keys() == two.keys()


@pytest.mark.parametrize("name", ["info", "guestbook", "upload", "clock", "identity"])
def test_style_sheets_are_files(examples: Examples, name: str) -> None:
    response = examples.site(name).get("/style.css")
    assert response.status == 200
    assert (response.header("Content-Type") or "").startswith("text/css")
    assert b"prefers-color-scheme: dark" in response.body


# ---- wsgi


def test_wsgi_answers(examples: Examples) -> None:
    site = examples.site("wsgi")
    assert '<code id="path">/any/<b>' not in site.get("/any/%3Cb%3E").text
    assert '<code id="path">/any/&lt;b&gt;' in site.get("/any/%3Cb%3E").text
    assert '<code id="path">/grüße' in site.get("/gr%C3%BC%C3%9Fe").text
    assert site.get("/mediation").status == 200


def test_wsgi_leaves_files_to_the_server(examples: Examples) -> None:
    site = examples.site("wsgi")
    response = site.get("/media/site.css")
    assert (response.status, response.body) == (
        200,
        (EXAMPLES / "wsgi" / "www" / "media" / "site.css").read_bytes(),
    )
    assert site.get("/media/nothing.css").status == 404


@pytest.mark.parametrize(
    "path",
    ["/media/../../application.py", "/media/%2e%2e/%2e%2e/application.py", "/media/..%5c..%5cx.py"],
)
def test_wsgi_gives_no_source(examples: Examples, path: str) -> None:
    response = examples.site("wsgi").get(path)
    assert b"def application" not in response.body


# ---- Django and Flask


@pytest.mark.parametrize("app", ["", "./www"])  # as an application, and with a handler
def test_django(examples: Examples, app: str) -> None:
    needs("django")
    site = examples.site("django", app)
    with site.client(START) as client:
        page = client.get("/")
    assert page.status == 200 and "<h1>Django " in page.text
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    cookie = (page.header("Set-Cookie") or "").partition(";")[0]
    assert token and cookie
    form = urlencode({"name": "<Jürgen>", "csrfmiddlewaretoken": token[1]}).encode()
    assert site.post("/", form, [FORM]).status == 403
    answer = site.post("/", form, [FORM, ("Cookie", cookie)])
    assert answer.status == 302
    greeting = site.get(answer.header("Location") or "").text
    assert '<h1 id="greeting">Hello, &lt;Jürgen&gt;</h1>' in greeting
    if not (windows.NAME and examples.server == OURS):  # pyisapie-host.exe reads no setting static
        assert b"color-scheme" in site.get("/media/site.css").body
    assert site.get("/media/none.css").status == 404
    assert site.get("/mysite/settings.py").status == 404


def test_flask(examples: Examples) -> None:
    needs("flask")
    site = examples.site("flask")
    with site.client(START) as client:
        assert client.get("/").status == 200
    assert '<span id="name">&lt;b&gt;</span>' in site.get("/?name=%3Cb%3E").text
    sums = site.post("/sum", b"[1, 2, 3]", [("Content-Type", "application/json")])
    assert sums.json() == {"sum": 6}
    assert site.get("/lines").body == b"line 1\nline 2\nline 3\n"
    assert b"color-scheme" in site.get("/static/site.css").body
    assert site.get("/hello.py").status == 404


# ---- compat


def test_compat_scripts(examples: Examples) -> None:
    site = examples.site("compat")
    for _ in range(2):
        page = site.get("/").text
        assert "This is index.py, asked for by 127.0.0.1." in page
        assert '<li><a href="form.py">form.py</a>' in page
    answer = site.post("/stdin.py/more", b"one\ntwo\n")
    assert answer.text.splitlines() == ["1: one", "2: two", "POST /stdin.py/more"]


def test_compat_pages(examples: Examples) -> None:
    site = examples.site("compat")
    assert "<form" in site.get("/form.py").text
    assert "Hello, <b>&lt;you&gt;</b>!" in site.post("/form.py", b"name=%3Cyou%3E", [FORM]).text
    moved = site.get("/moved.py")
    assert (moved.status, moved.header("Location")) == (302, "index.py")
    with site.client() as client:
        dot = client.get("/dot.py")
        assert (dot.header("Content-Length"), dot.body[:6]) == ("42", b"GIF89a")
        assert client.is_closed()
    assert site.get("/layout.py").status == 404


# ---- advanced


def test_advanced_url_map(examples: Examples) -> None:
    site = examples.site("advanced")
    page = site.get("/")
    assert page.header("X-Content-Type-Options") == "nosniff"
    assert page.header("Cache-Control") == "no-cache"
    assert "URL maps" in page.text
    assert "And once more." in site.get("/blog/2026/again").text
    assert site.get("/blog/1999/none").status == 404
    assert site.get("/blog/26/again").text.startswith("404")
    assert "admin" in site.get("/admin/").text.lower()
    report = site.get("/admin/reports/posts.csv")
    assert report.header("Content-Type") == "text/csv; charset=utf-8"
    assert report.body.startswith(b"2005,first")
    assert site.get("/robots.txt").body.startswith(b"User-agent")


def test_advanced_reloads(examples: Examples) -> None:
    site = examples.site("advanced")
    assert "PyISAPIe is there." in site.get("/blog/2005/first").text
    file = examples.root("advanced") / "WWW" / "Blog.py"
    text = file.read_text("utf-8")
    file.write_text(text.replace("PyISAPIe is there.", "It has changed."), "utf-8")
    deadline = time.monotonic() + 10
    while "It has changed." not in site.get("/blog/2005/first").text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# ---- guest book


class Visitor:
    """Somebody with the page of the guest book, its cookie and its token."""

    def __init__(self, site: Site) -> None:
        self.site = site
        page = site.get("/")
        assert page.status == 200
        field = page.header("Set-Cookie") or ""
        assert "HttpOnly" in field and "SameSite=Strict" in field
        self.cookie = field.partition(";")[0]
        found = re.search('name="token" value="([^"]+)"', page.text)
        assert found
        self.token = found[1]

    def write(self, name: str, text: str, *more: tuple[str, str], token: str = "") -> Response:
        """Send the form."""
        form = urlencode({"name": name, "text": text, "token": token or self.token})
        return self.site.post("/", form.encode(), [FORM, ("Cookie", self.cookie), *more])


def test_guestbook_takes_an_entry(examples: Examples) -> None:
    site = examples.site("guestbook")
    response = Visitor(site).write("Jürgen", "<script>alert(1)</script> & more\r\nsecond line")
    assert (response.status, response.header("Location")) == (303, "/")
    page = site.get("/").text
    assert "<b>Jürgen</b>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more\nsecond line" in page
    assert "<script>" not in page


def test_guestbook_with_the_origin_of_its_own(examples: Examples) -> None:
    site = examples.site("guestbook")
    with site.client() as client:
        origin = ("Origin", f"http://{client.host}")
    assert Visitor(site).write("own", "origin", origin).status == 303


def test_guestbook_refuses_others(examples: Examples) -> None:
    visitor = Visitor(examples.site("guestbook"))
    assert visitor.write("n", "foreign", token="wrong").status == 403
    assert visitor.write("n", "foreign", token="grüße").status == 403
    assert visitor.write("n", "foreign", ("Origin", "http://other.example")).status == 403
    assert visitor.write("n", "foreign", ("Origin", "null")).status == 403
    form = urlencode({"name": "n", "text": "foreign", "token": ""}).encode()
    assert visitor.site.post("/", form, [FORM]).status == 403
    assert ">foreign<" not in visitor.site.get("/").text


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [("", "x", 422), ("x", "", 422), ("x" * 61, "x", 422), ("x", "x" * 2001, 422),
     ("x", "x" * 40000, 413)],
)  # fmt: skip
def test_guestbook_has_limits(examples: Examples, name: str, text: str, status: int) -> None:
    response = Visitor(examples.site("guestbook")).write(name, text)
    assert response.status == status
    assert 'id="problem"' in response.text


def test_guestbook_gives_back_what_was_typed(examples: Examples) -> None:
    response = Visitor(examples.site("guestbook")).write('"><b>', "x" * 2001)
    assert 'value="&quot;&gt;&lt;b&gt;"' in response.text


@pytest.mark.parametrize(
    "path",
    ["/data/guestbook.sqlite3", "/../data/guestbook.sqlite3", "/%2e%2e/data/guestbook.sqlite3",
     "/..%2fdata%2fguestbook.sqlite3", "/book.py", "/../book.py", "/pyisapie.toml"],
)  # fmt: skip
def test_guestbook_keeps_its_data(examples: Examples, path: str) -> None:
    site = examples.site("guestbook")
    site.get("/")
    response = site.get(path)
    assert response.status in (400, 403, 404)
    assert b"SQLite" not in response.body


# ---- upload


def form(*files: tuple[str, bytes], boundary: str = "----limit") -> tuple[bytes, tuple[str, str]]:
    """A form with files, as browsers send it, and its Content-Type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/x\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, ("Content-Type", f"multipart/form-data; boundary={boundary}")


def send(site: Site, *files: tuple[str, bytes]) -> Response:
    body, content_type = form(*files)
    return site.post("/", body, [content_type])


def stored(examples: Examples) -> list[str]:
    folder = examples.root("upload") / "data"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_upload_and_download(examples: Examples) -> None:
    site = examples.site("upload")
    content = bytes(range(256)) * 900 + b"\r\n------limi\r\n--"
    response = send(site, ("größe 1.bin", content), ("empty.txt", b""))
    assert (response.status, response.header("Location")) == (303, "/?saved=empty.txt")
    assert "größe 1.bin" in site.get("/").text
    answer = site.get("/?get=gr%C3%B6%C3%9Fe%201.bin")
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("Content-Type") == "application/octet-stream"
    assert (answer.header("Content-Disposition") or "").startswith("attachment;")
    assert site.get("/?get=empty.txt").body == b""


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../evil.py", "evil.py"), ("..\\..\\other.py", "other.py"), ("con.txt", "filecon.txt"),
     (".htaccess", "htaccess"), ("a:b<c>.html", "a_b_c_.html"), ("..", "file")],
)  # fmt: skip
def test_upload_names_are_safe(examples: Examples, name: str, kept: str) -> None:
    site = examples.site("upload")
    assert send(site, (name, b"content")).status == 303
    assert kept in stored(examples)
    assert site.get(f"/?get={kept}").body == b"content"
    assert send(site, (name, b"again")).status == 303  # beside the first one
    assert site.get(f"/?get={kept}").body == b"content"


def test_upload_has_a_limit(examples: Examples) -> None:
    site = examples.site("upload")
    before = stored(examples)
    try:
        response = send(site, ("large.bin", bytes(UPLOAD_LIMIT)))
    except (NoResponse, ConnectionError):  # it was not heard before the connection ended
        pass
    else:
        assert response.status == 413
    assert stored(examples) == before


def test_upload_of_unknown_length_has_a_limit(examples: Examples) -> None:
    site = examples.site("upload")
    if site.is_apache:
        pytest.skip("mod_isapi answers 411 itself")
    before = stored(examples)
    body, (_, content_type) = form(("large.bin", bytes(UPLOAD_LIMIT)))
    with site.client() as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: {site.host}\r\nContent-Type: {content_type}\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode()
            + body
            + b"\r\n0\r\n\r\n"
        )
        with suppress(NoResponse, ConnectionError):
            assert client.response("POST").status == 413
    assert stored(examples) == before


def test_upload_that_is_cut(examples: Examples) -> None:
    """It is no form, and nothing is left of it."""
    site = examples.site("upload")
    before = stored(examples)
    body, content_type = form(("cut.bin", bytes(1000)))
    assert site.post("/", body[:-40], [content_type]).status == 400
    assert site.post("/", b"a=b", [FORM]).status == 400
    assert site.post("/", body, [content_type, ("Origin", "http://other.example")]).status == 403
    assert stored(examples) == before


@pytest.mark.parametrize("name", ["../store.py", "..%5cstore.py", "%00", ".", "nothing", ""])
def test_upload_gives_only_what_was_uploaded(examples: Examples, name: str) -> None:
    response = examples.site("upload").get(f"/?get={name}")
    assert response.status == 404
    assert b"import" not in response.body


# ---- clock


def test_clock_sends_each_line_at_once(examples: Examples) -> None:
    site = examples.site("clock")
    assert "ticks.py" in site.get("/").text
    with site.client() as client:
        client.start("GET", "/ticks.py?seconds=1")
        times = [(time.monotonic(), part) for part in client.parts(client.start_response())]
    assert [part[-4:] for _, part in times] == [b"UTC\n"] * 2
    assert times[1][0] - times[0][0] > 0.8


def test_clock_is_asked_for_nonsense(examples: Examples) -> None:
    site = examples.site("clock")
    for value in ("x", "-1", "1e9", "%C2%B2", "9" * 5000):
        assert site.get(f"/ticks.py?seconds={value}").status == 400
    assert site.get("/ticks.py?seconds=0").text.count("UTC") == 1


# ---- identity


def test_identity(examples: Examples) -> None:
    page = examples.site("identity").get("/").text
    assert "127.0.0.1" in page
    assert "Python acts as" in page
    assert "for the user it acts as" in page
    if examples.server == OURS:
        assert "cannot be told: the web server gives no token" in page


def test_identity_of_a_user(examples: Examples) -> None:
    if examples.server != IIS:
        pytest.skip("our host as IIS takes variables from the request")
    given = "REMOTE_USER=HOME\\jürgen; AUTH_TYPE=Negotiate"
    fields = [("X-IIS-Set", given.encode().decode("latin-1"))]
    page = examples.site("identity").get("/", fields).text
    assert "<td>HOME\\jürgen<" in page and "<td>Negotiate<" in page


# ---- the reader of forms


def multipart() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "multipart_of_upload", EXAMPLES / "upload" / "multipart.py"
    )
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parts_of(body: bytes, content_type: str, piece: int) -> list[tuple[str, str | None, bytes]]:
    module = multipart()
    reader = module.Reader(io.BytesIO(body).read, module.boundary_of(content_type), piece)
    return [(part.name, part.filename, b"".join(part.pieces)) for part in reader]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000])
def test_forms_in_pieces_of_any_size(piece: int) -> None:
    body, (_, content_type) = form(("a", b"\r\n-----limit"), ("ü", b""), ("c", b"\r\n\r\n--" * 9))
    expected = [
        ("file", "a", b"\r\n-----limit"), ("file", "ü", b""), ("file", "c", b"\r\n\r\n--" * 9)
    ]  # fmt: skip
    assert parts_of(body, content_type, piece) == expected
    assert parts_of(b"before\r\n" + body + b"after", content_type, piece) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: body[:-4],
        lambda body: body.replace(b"\r\n\r\n", b"\r\n"),
        lambda body: body.replace(b"limit--", b"limitxx"),
        lambda body: body.replace(b"application/x", b"x" * 9000),
        lambda body: body[: body.rindex(b"------limit--")] * 200,
    ],
)
def test_what_is_no_form(change: Callable[[bytes], bytes]) -> None:
    body, (_, content_type) = form(("a", b"content"))
    with pytest.raises(ValueError):
        parts_of(change(body), content_type, 50)


@pytest.mark.parametrize(
    "name", ["text/plain", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 71, ""]
)
def test_what_is_no_type_of_a_form(name: str) -> None:
    with pytest.raises(ValueError):
        multipart().boundary_of(name)
