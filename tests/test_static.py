# SPDX-License-Identifier: Apache-2.0
"""The setting static: files that the door serves itself, on every host.

What the door makes of header fields, names and folders has unit tests of its own (file_answers,
conditions, below, path, statics); here is what hosts and real file systems add.
"""

from __future__ import annotations

import gzip
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from harness import process, windows
from harness.client import Client, NoResponse, build
from harness.paths import APPS
from harness.serve import Serve, StartError, run
from harness.site import HOSTS, IIS, OURS, Site

if TYPE_CHECKING:
    from conftest import Servers

Start = Callable[..., Serve]
TEXT = b"0123456789abcdefghijklmnopqrstuvwxyz"
BIG = bytes(range(256)) * 4096 * 8  # 8 MiB
PAGE = b"<p>A page.\n"
STYLE = b"body { color: black }\n" * 100
LONG_AGO = 784111777
unix_only = pytest.mark.skipif(bool(windows.NAME), reason="it is of Linux")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture(scope="session")
def files(servers: Servers) -> Path:
    """What the site has at /static."""
    folder = servers.files
    write(folder / "text.txt", TEXT)
    write(folder / "big.bin", BIG)
    write(folder / "empty.html", b"")
    write(folder / "style.css", STYLE)
    write(folder / "style.css.gz", gzip.compress(STYLE))
    write(folder / "docs" / "index.html", PAGE)
    write(folder / "bare" / "a.txt", TEXT)
    write(folder / "ä b.txt", TEXT)
    write(folder / ".hidden", TEXT)
    write(folder / ".well-known" / "a.txt", TEXT)
    write(folder / "module.py", TEXT)
    write(folder.with_name("files-outside") / "secret.txt", b"secret")
    if not windows.NAME:
        (folder / "out.txt").symlink_to("../files-outside/secret.txt")
        (folder / "up").symlink_to("..")
        (folder / "in.txt").symlink_to("bare/a.txt")
        os.mkfifo(folder / "pipe.txt")
    return folder


@pytest.fixture
def site(servers: Servers, server: str, files: Path) -> Site:
    """The site with files, on each host."""
    return servers.site(server, "files")


@pytest.fixture
def ours(servers: Servers, files: Path) -> Site:
    """The same, on our own host."""
    return servers.site(OURS, "files")


# ---- what is served ----


def test_a_file(site: Site) -> None:
    response = site.get("/static/text.txt")
    assert (response.status, response.body) == (200, TEXT)
    assert (response.header("Content-Type") or "").lower() == "text/plain; charset=utf-8"
    assert response.header("Content-Length") == str(len(TEXT))
    assert response.header("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("X-Content-Type-Options") == "nosniff"
    tag = response.header("ETag") or ""
    assert tag.startswith('"')


def test_head(site: Site) -> None:
    with site.client() as client:
        for _ in range(2):
            response = client.request("HEAD", "/static/text.txt")
            assert (response.status, response.body) == (200, b"")
            assert response.header("Content-Length") == str(len(TEXT))
        assert client.get("/static/text.txt").body == TEXT


def test_an_empty_file(site: Site) -> None:
    with site.client() as client:
        for _ in range(2):
            response = client.get("/static/empty.html")
            assert (response.status, response.body, response.complete) == (200, b"", True)
            assert response.header("Content-Length") == "0"


def test_a_big_file(site: Site) -> None:
    with site.client() as client:
        for _ in range(3):  # the connection goes on
            response = client.get("/static/big.bin")
            assert response.complete
            assert response.body == BIG


def test_the_application_has_the_rest(site: Site) -> None:
    with site.client() as client:
        assert client.get("/hello").body == b"Hello, world!\n"
        assert client.get("/static/text.txt").body == TEXT
        assert client.get("/statics/text.txt").body == b"Hello, world!\n"
        assert client.get("/").body == b"Hello, world!\n"


def test_other_methods(site: Site) -> None:
    response = site.post("/static/text.txt", b"x=1")
    assert response.status == 405
    assert response.header("Allow") == "GET, HEAD"
    assert site.request("DELETE", "/static/text.txt").status == 405
    assert site.post("/static/none.txt", b"x=1").status == 404


def test_pipelined(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/static/text.txt") * 20 + build("GET", "/static/big.bin"))
        client.send(build("GET", "/hello") + build("GET", "/static/none"))
        assert [client.response().body for _ in range(20)] == [TEXT] * 20
        assert client.response().body == BIG
        assert client.response().body == b"Hello, world!\n"
        assert client.response().status == 404


def test_http_1_0(ours: Site) -> None:
    with ours.client() as client:
        client.send(build("GET", "/static/big.bin", version="1.0"))
        response = client.response()
        assert response.complete
        assert response.body == BIG
        assert client.is_closed()


# ---- conditions and ranges ----


def test_not_modified(site: Site) -> None:
    first = site.get("/static/text.txt")
    tag, date = first.header("ETag") or "", first.header("Last-Modified") or ""
    with site.client() as client:
        for field in (("If-None-Match", tag), ("If-None-Match", f'"x", W/{tag}'),
                      ("If-None-Match", "*"), ("If-Modified-Since", date)):  # fmt: skip
            response = client.get("/static/text.txt", [field])
            assert (response.status, response.body) == (304, b""), field
            assert response.header("ETag") == tag
        assert client.get("/static/text.txt", [("If-None-Match", '"x"')]).body == TEXT


def test_preconditions(site: Site) -> None:
    tag = site.get("/static/text.txt").header("ETag") or ""
    assert site.get("/static/text.txt", [("If-Match", tag)]).status == 200
    assert site.get("/static/text.txt", [("If-Match", '"x"')]).status == 412
    before = ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")
    assert site.get("/static/text.txt", [before]).status == 412


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("bytes=0-0", TEXT[:1]),
        ("bytes=5-", TEXT[5:]),
        ("bytes=-5", TEXT[-5:]),
        ("bytes=30-999", TEXT[30:]),
        ("bytes=0-99999999999999999999999999", TEXT),
        ("bytes=-99999999999999999999999999", TEXT),
    ],
)
def test_ranges(site: Site, value: str, body: bytes) -> None:
    response = site.get("/static/text.txt", [("Range", value)])
    assert (response.status, response.body) == (206, body)
    first = TEXT.index(body)
    expected = f"bytes {first}-{first + len(body) - 1}/{len(TEXT)}"
    assert response.header("Content-Range") == expected


def test_a_range_of_a_big_file(site: Site) -> None:
    response = site.get("/static/big.bin", [("Range", "bytes=1000-3000999")])
    assert response.status == 206
    assert response.body == BIG[1000:3001000]


@pytest.mark.parametrize(
    "value", ["bytes=36-", "bytes=99999999999999999999999-", "bytes=-0", "bytes=40-50"]
)
def test_ranges_beyond_the_end(site: Site, value: str) -> None:
    response = site.get("/static/text.txt", [("Range", value)])
    assert response.status == 416
    assert response.header("Content-Range") == f"bytes */{len(TEXT)}"


@pytest.mark.parametrize("value", ["bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4"])
def test_ranges_that_are_not_heeded(ours: Site, value: str) -> None:
    response = ours.get("/static/text.txt", [("Range", value)])
    assert (response.status, response.body) == (200, TEXT)


def test_if_range(site: Site) -> None:
    tag = site.get("/static/text.txt").header("ETag") or ""
    part = ("Range", "bytes=1-2")
    assert site.get("/static/text.txt", [part, ("If-Range", tag)]).status == 206
    assert site.get("/static/text.txt", [part, ("If-Range", '"x"')]).body == TEXT


@unix_only
def test_a_range_of_a_sparse_file(site: Site, files: Path) -> None:
    size = 5 * 2**30
    with (files / "sparse.bin").open("wb") as file:
        file.truncate(size)
        file.seek(size - 7)
        file.write(b"the end")
    response = site.get("/static/sparse.bin", [("Range", "bytes=-1000000")])
    assert response.header("Content-Range") == f"bytes {size - 1000000}-{size - 1}/{size}"
    assert response.body == bytes(999993) + b"the end"
    assert site.request("HEAD", "/static/sparse.bin").header("Content-Length") == str(size)


# ---- compressed copies ----


def test_a_compressed_copy(site: Site) -> None:
    plain = site.get("/static/style.css")
    packed = site.get("/static/style.css", [("Accept-Encoding", "br, gzip")])
    assert plain.body == STYLE
    assert plain.header("Content-Encoding") is None
    assert gzip.decompress(packed.body) == STYLE
    assert packed.header("Content-Encoding") == "gzip"
    assert (packed.header("Content-Type") or "").lower() == "text/css; charset=utf-8"
    for response in (plain, packed):
        assert response.header("Vary") == "Accept-Encoding"
    tag = packed.header("ETag") or ""
    assert tag != plain.header("ETag")
    again = [("Accept-Encoding", "gzip"), ("If-None-Match", tag)]
    assert site.get("/static/style.css", again).status == 304
    unwanted = [("Accept-Encoding", "gzip;q=0, br"), ("If-None-Match", tag)]
    assert site.get("/static/style.css", unwanted).body == STYLE


# ---- paths ----

MISSING = [
    "/static/none.txt",
    "/static/text.txt/",
    "/static/text.txt/x",
    "/static/bare",
    "/static/bare/",
    "/static/",
    "/static",
    "/static/.hidden",
    "/static/text.txt.",
    "/static/text.txt%20",
    "/static/module.py%20",
    "/static/module.py.",
    "/static/module.py::$DATA",
    "/static/text%2etxt%2f",
    "/static/%252e%252e/files-outside/secret.txt",
    "/static/nul",
    "/static/aux.txt",
    "/static/style.css%3a$DATA",
    "/static/" + "a" * 300,
    "/static/" + "a/" * 1500,
]


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_found(ours: Site, path: str) -> None:
    response = ours.get(path)
    assert (response.status, response.body) == (404, b"404 Not Found\n")


OUTSIDE = [
    "/static/../files-outside/secret.txt",
    "/static/%2e%2e/files-outside/secret.txt",
    "/static/..%2ffiles-outside%2fsecret.txt",
    "/static/..%5cfiles-outside%5csecret.txt",
    "/static/..\\files-outside\\secret.txt",
    "/static/bare/../../files-outside/secret.txt",
    "/static//../files-outside/secret.txt",
    "/static/text.txt%00.css",
    "/static/.%00./files-outside/secret.txt",
    "/static/out.txt",
    "/static/up/files-outside/secret.txt",
    "/static/up/files/text.txt/../../files-outside/secret.txt",
    "/static//etc/passwd",
    "/static/C:/Windows/win.ini",
    "/static/%2fetc%2fpasswd",
    "/static/%c0%ae%c0%ae/files-outside/secret.txt",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_is_served(site: Site, path: str) -> None:
    response = site.get(path)
    assert b"secret" not in response.body
    assert b"root:" not in response.body
    assert b"[fonts]" not in response.body
    # httpd merges slashes, and dots before the site sees them: then it is the application's
    assert response.status in (400, 404) or response.body == b"Hello, world!\n"


def test_names_are_utf_8(site: Site) -> None:
    assert site.get("/static/%c3%a4%20b.txt").body == TEXT
    assert site.get("/static/.well-known/a.txt").body == TEXT


@pytest.mark.parametrize("path", ["/static/TEXT.TXT", "/static/Text.txt"])
def test_case_is_the_file_systems(ours: Site, path: str) -> None:
    response = ours.get(path)
    assert response.body == TEXT if windows.NAME else response.status == 404


@unix_only
def test_links_and_pipes(site: Site) -> None:
    assert site.get("/static/in.txt").body == TEXT
    assert site.get("/static/up/files/text.txt").body == TEXT  # it comes back
    assert site.get("/static/pipe.txt").status == 404


@unix_only
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read(ours: Site, files: Path) -> None:
    write(files / "locked.txt", TEXT).chmod(0)
    assert ours.get("/static/locked.txt").status == 403
    ours.log.wait("locked.txt .* permission denied")


def test_an_index(site: Site) -> None:
    with site.client() as client:
        assert client.get("/static/docs/").body == PAGE
        response = client.get("/static/docs?a=b%20c")
        assert response.status == 301
        assert (response.header("Location") or "").endswith("./docs/?a=b%20c")


@pytest.mark.parametrize("path", ["//static/docs", "/static//docs", "/static/\\docs"])
def test_no_redirect_leads_away(site: Site, path: str) -> None:
    location = site.get(path).header("Location") or "./"
    assert location == "./" or location.startswith(("./docs/", "/", "http://" + site.host))
    assert not location.startswith("//")


# ---- clients that are slow, many, or gone ----


def stalled(site: Site, target: str = "/static/big.bin") -> Client:
    """A client that has asked for a file and takes none of it yet."""
    assert not isinstance(site.address, str)
    client = site.client()
    client.socket.close()
    client.socket = socket.socket()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.socket.settimeout(20)
    client.socket.connect(site.address)
    client.start("GET", target)
    return client


def test_slow_clients_hold_up_nobody(site: Site) -> None:
    count = 3 if site.like_apache else 40  # mod_isapi keeps a thread for each
    slow = [stalled(site) for _ in range(count)]
    time.sleep(0.2)
    began = time.monotonic()
    with site.client() as client:
        for _ in range(20):
            assert client.get("/hello").status == 200
            assert client.get("/static/text.txt").body == TEXT
    assert time.monotonic() - began < 3
    assert slow[0].response().body == BIG
    for client in slow:
        client.close()


def test_slow_requests_of_the_application_beside_slow_clients(ours: Site) -> None:
    slow = [stalled(ours) for _ in range(5)]
    with ours.client() as lasting, ours.client() as client:
        lasting.start("GET", "/slow?seconds=1")
        time.sleep(0.1)
        began = time.monotonic()
        for _ in range(20):
            assert client.get("/static/text.txt").body == TEXT
        assert client.get("/static/big.bin").body == BIG
        assert time.monotonic() - began < 0.8
        assert lasting.response().status == 200
    for stuck in slow:
        stuck.close()


def test_many_at_once(site: Site) -> None:
    wrong: list[int] = []

    def load(number: int) -> None:
        with site.client(60) as client:
            for i in range(20):
                name, body = (("big.bin", BIG), ("text.txt", TEXT))[(number + i) % 5 > 0]
                response = client.get(f"/static/{name}")
                if response.body != body:
                    wrong.append(len(response.body))

    threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@unix_only
def test_a_file_that_gets_shorter_breaks_the_response(site: Site, files: Path) -> None:
    size = 64 * 2**20
    file = write(files / "shorter.bin", bytes(size))
    client = stalled(site, "/static/shorter.bin")
    response = client.start_response()
    assert response.header("Content-Length") == str(size)
    parts = client.parts(response)
    got = len(next(parts))
    os.truncate(file, 1000)
    got += sum(len(part) for part in parts)
    assert got < size
    assert not response.complete
    client.close()
    assert site.get("/hello").status == 200


def _descriptors(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


@unix_only
@pytest.mark.parametrize("host", [host for host in HOSTS if host in (OURS, IIS)])
def test_nothing_stays_open(servers: Servers, files: Path, host: str) -> None:
    site = servers.site(host, "files")
    (worker,) = site.workers()
    for number in range(60):
        target = ("big.bin", "text.txt", "none", "docs", "out.txt", "pipe.txt")[number % 6]
        client = stalled(site, f"/static/{target}")
        if number % 4:
            client.start_response()
        client.reset()
    folder = str(files.parent)

    def is_closed() -> bool:
        return not any(name.startswith(folder + "/files") for name in _descriptors(worker))

    process.eventually(is_closed, "no file is open")
    process.eventually(lambda: len(os.listdir(f"/proc/{worker}/task")) < 40, "threads end")
    before = process.rss(worker)
    with site.client(60) as client:
        for _ in range(1000):
            client.get("/static/text.txt")
    assert process.rss(worker) - before < 4096
    assert site.get("/static/text.txt").body == TEXT


def test_misfortune_on_iis(servers: Servers, files: Path) -> None:
    """What is told to be whole is whole, whatever the server refuses, delays or forgets."""
    site = servers.site(IIS, "files")
    seen = set()
    for seed in range(1, 121):
        target, body = (("big.bin", BIG), ("text.txt", TEXT), ("none", b"404 Not Found\n"))[
            seed % 3
        ]
        try:
            with site.client() as client:
                faults = [("X-IIS-Faults", str(seed))]
                response = client.request("GET", f"/static/{target}", faults)
        except (NoResponse, ConnectionError):
            seen.add("nothing")
            continue
        if response.status == 500:  # the server's own page: it got nothing
            seen.add("nothing")
            continue
        if response.complete:
            assert response.body == body
        seen.add("whole" if response.complete else "broken")
    assert "whole" in seen
    assert seen >= {"whole", "nothing"}  # it is sent in one piece
    assert site.get("/static/text.txt").body == TEXT


@unix_only
def test_the_end_of_the_server(serve: Start, files: Path) -> None:
    server = serve(
        "hello:app", "--static", f"/static={files}", "--shutdown-timeout", "10", "--workers", "2"
    )
    slow = [stalled(server.site()) for _ in range(4)]
    heads = [client.start_response() for client in slow]
    server.signal(signal.SIGTERM)
    for client, head in zip(slow, heads, strict=True):
        assert b"".join(client.parts(head)) == BIG
        assert head.complete
    assert server.wait() == 0


@unix_only
def test_the_end_of_the_server_is_not_put_off(serve: Start, files: Path) -> None:
    server = serve("hello:app", "--static", f"/static={files}", "--shutdown-timeout", "1")
    slow = [stalled(server.site()) for _ in range(4)]
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait()
    assert time.monotonic() - began < 8
    assert "Traceback" not in server.log.text()
    for client in slow:
        client.close()


# ---- the setting ----


@unix_only
def test_flags(serve: Start, tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.txt", b"a")
    write(tmp_path / "b" / "x.txt", b"b")
    server = serve("hello:app", "--static", "/s=a", "--static", f"/s/deep={tmp_path / 'b'}",
                   cwd=tmp_path)  # fmt: skip
    with server.client() as client:
        assert client.get("/s/x.txt").body == b"a"
        assert client.get("/s/deep/x.txt").body == b"b"
        assert client.get("/s/deep/none.txt").status == 404
        assert client.get("/x.txt").body == b"Hello, world!\n"


@unix_only
@pytest.mark.parametrize("host", ["none", "iis"])
@pytest.mark.parametrize(
    "text", ['static = "/s=assets"', 'static = ["/s=assets"]', '[static]\n"/s" = "assets"']
)
def test_a_settings_file(serve: Start, tmp_path: Path, text: str, host: str) -> None:
    write(tmp_path / "root" / "assets" / "x.txt", b"from the file")
    (tmp_path / "root" / "app.py").write_text((APPS / "hello.py").read_text("utf-8"), "utf-8")
    (tmp_path / "root" / "tools.py").write_text((APPS / "tools.py").read_text("utf-8"), "utf-8")
    (tmp_path / "root" / "pyisapie.toml").write_text(f'app = "app:app"\n{text}\n', "utf-8")
    env = {"PYISAPIE_ROOT": str(tmp_path / "root")} if host == "iis" else {}
    server = serve("", "--quirks", host, root=tmp_path / "root", env=env)
    with server.client() as client:
        assert client.get("/s/x.txt").body == b"from the file"
        assert client.get("/s/none").status == 404
        assert client.get("/hello").body == b"Hello, world!\n"


@unix_only
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/s=no-such-folder", "there is no folder"),
        ("s=.", "such as /static=assets"),
        ("/s", "such as /static=assets"),
        ("/s=.,/s/=.", "must not name a path twice"),
        ("/../s=.", "such as /static=assets"),
    ],
)
def test_wrong_values(tmp_path: Path, value: str, message: str) -> None:
    status, output = run("serve", "hello:app", "--static", value, cwd=tmp_path)
    assert status == 2
    assert message in output


def test_a_folder_that_is_missing_at_the_start(serve: Start, tmp_path: Path) -> None:
    env = {"PYISAPIE_STATIC": f"/s={windows.native(tmp_path / 'none')}"}
    try:
        server = serve("hello:app", env=env)
    except StartError as error:
        assert "there is no folder" in str(error)
    else:
        assert server.client().get("/hello").status == 500
        server.log.wait("The setting static names the folder")
