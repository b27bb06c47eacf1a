# SPDX-License-Identifier: Apache-2.0
"""What users of the original PyISAPIe suffered, one test for each; and what they relied on.

The rows of the original's API itself are in test_pages.py (Header, Read, Write, DisableBuffer, Env,
calls outside a request, scripts, passing on, the output rule, RunWSGI, StartResponse, IsapiEnv) and
test_handlers.py (dispatch, Config, InterpreterMap, packages of other names, URL, Watch).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import windows
from harness.paths import TEST_MODE, package
from harness.serve import Serve
from harness.site import IIS, QUIRKS, Site, query
from test_handlers import site_of

Start = Callable[..., Serve]

HANDLER = """
import json, sys, threading
from Http import Env, Header, Read, Write
from Http.WSGI import RunWSGI

def app(environ, start_response):
    way = environ["PATH_INFO"]
    if way == "/parts":
        start_response("200 OK", [("Content-Length", "6")])
        return iter([b"ab", b"cd", b"ef"])
    if way == "/input":
        lines = [environ["wsgi.input"].readline(), environ["wsgi.input"].read()]
        start_response("200 OK", [])
        return [b"|".join(lines)]
    if way == "/stream":
        start_response("200 OK", [])
        return (b"%d\\n" % i for i in range(10))
    if way == "/exc_info":
        start_response("200 OK", [])
        try:
            raise ValueError("secret")
        except ValueError:
            start_response("422 Not Today", [("X-Second", "yes")], sys.exc_info())
        return [b"second"]
    if way == "/errors":
        print("secret print")
        print("secret stderr", file=sys.stderr)
        environ["wsgi.errors"].write("secret wsgi.errors\\n")
        thread = threading.Thread(target=print, args=("secret thread",))
        thread.start()
        thread.join()
        start_response("200 OK", [])
        return [b"clean"]
    if way == "/raises":
        raise ValueError("secret")
    names = ("HTTPS", "REMOTE_ADDR", "wsgi.url_scheme")
    start_response("200 OK", [])
    return [json.dumps([type(environ).__name__, *map(environ.get, names)]).encode()]

def Request():
    if Env.URL.startswith("/based") or Env.URL.startswith("/base"):
        return RunWSGI(app, "/base")
    if Env.URL == "/argv":
        return Write(json.dumps(sys.argv))
    if Env.URL == "/versions":
        import Http.Version, PyISAPIe
        names = ("Major", "Minor", "Release", "Revision", "Bits", "Full")
        both = [[getattr(Http.Version, n), getattr(PyISAPIe, "Version" + n)] for n in names]
        return Write(json.dumps([PyISAPIe.Version, both, __interp__]))
    RunWSGI(app)
"""


@pytest.fixture(scope="module", params=["none", QUIRKS, IIS])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A site with a handler, on our host and as its roles."""
    folder = tmp_path_factory.mktemp(f"old-{request.param}")
    quirks = {QUIRKS: "apache"}.get(request.param, request.param)
    root = site_of(folder / "site", Http_Isapi=HANDLER)
    env = {"PYISAPIE_APP": "./www", "PYISAPIE_ROOT": windows.native(root)} if quirks == IIS else {}
    serve = Serve(folder, "./www", "--quirks", quirks, root=root, env=env)
    with serve:
        yield serve.site({"none": "ours"}.get(request.param, request.param))


def test_1_a_length_with_several_chunks(old: Site) -> None:
    response = old.get("/parts")
    assert (response.header("Content-Length"), response.body) == ("6", b"abcdef")


def test_2_the_environ_is_a_dict(old: Site) -> None:
    kind, https, address, scheme = json.loads(old.get("/").body)
    assert (kind, https, address, scheme) == ("dict", None, "127.0.0.1", "http")


def test_3_what_is_printed_does_not_reach_the_client(old: Site) -> None:
    mark = old.log.mark()
    assert old.get("/errors").body == b"clean"
    for text in ("secret print", "secret stderr", "secret wsgi.errors", "secret thread"):
        old.log.wait(text, mark)


def test_4_there_is_sys_argv(old: Site) -> None:
    assert json.loads(old.get("/argv").body)


def test_5_a_start_that_fails_is_readable(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Isapi="import no_such_module")
    response = serve("./www", root=root).site("ours").get("/")
    assert response.status == 500
    assert b"no_such_module" in response.body and b"Traceback" in response.body


def test_6_static_files_beside_pages(pages: Site) -> None:
    """And no recycling after an edit: test_pages.py, "loaded again when it changes"."""
    response = pages.get("/note.txt")
    assert (response.status, response.body) == (200, b"plain text\n")


DJANGO = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", __interp__.partition(".")[0] + "_settings")
from django.core.wsgi import get_wsgi_application
from Http.WSGI import RunWSGI
application = get_wsgi_application()
def Request(): RunWSGI(application)
"""
SETTINGS = """
SECRET_KEY = "{name}"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "{name}_settings"
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("{name}"))]
"""

main_only = pytest.mark.skipif(bool(TEST_MODE), reason="InterpreterMap needs the mode main")


@main_only
def test_7_two_django_sites_in_one_process(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Isapi=DJANGO, Http_Config="InterpreterMap = 'SERVER_NAME'")
    for name in ("one", "two"):
        (root / f"{name}_settings.py").write_text(SETTINGS.format(name=name))
    started = serve("./www", root=root)
    for name in ("one", "two", "one"):
        with started.client() as client:
            client.host = f"{name}.example"
            assert client.get("/").body == name.encode()


GILSTATE = """
import ctypes, sqlite3, sys
from Http import Write

def where(n):
    import sys as here  # by the interpreter that the callback is in
    return n * 2 if here.modules is sys.modules else -1

released = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(where)
held = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int)(where)  # calls with the GIL

def Request():
    db = sqlite3.connect(":memory:")
    db.create_function("twice", 1, where)
    twice = db.execute("select twice(21)").fetchone()[0]
    Write(f"{__interp__} {twice} {released(21)} {held(21)}")
"""


@main_only
def test_8_extensions_that_use_pygilstate(serve: Start, tmp_path: Path) -> None:
    config = "InterpreterMap = 'SERVER_NAME'"
    root = site_of(tmp_path, Http_Isapi=GILSTATE, Http_Config=config)
    started = serve("./www", root=root)
    for name in ("one", "two", "main", "one"):
        with started.client() as client:
            client.host = name
            assert client.get("/").body == f"{name} 42 42 42".encode()


def test_9_very_many_chunked_responses(ours: Site, old: Site) -> None:
    """The original stalled after some 16,000."""
    many, piece = 20000, 200
    request = f"GET /stream HTTP/1.1\r\nHost: {old.host}\r\n\r\n".encode() * piece
    if old.server != "ours":
        many = 2000
    with old.client() as client:
        for _ in range(many // piece):
            client.send(request)
            for _ in range(piece):
                assert client.response().body == b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"


def test_10_the_input_is_complete(old: Site) -> None:
    assert old.post("/input", b"first\nrest").body == b"first\n|rest"
    if old.like_apache:
        return  # mod_isapi answers chunked requests itself: 411
    with old.client() as client:
        client.send(
            f"POST /input HTTP/1.1\r\nHost: {old.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            "6\r\nfirst\n\r\n4\r\nrest\r\n0\r\n\r\n".encode()
        )
        assert client.response("POST").body == b"first\n|rest"


def test_11_exc_info_and_reasons(old: Site) -> None:
    response = old.get("/exc_info")
    assert (response.status, response.reason, response.body) == (422, "Not Today", b"second")
    assert response.header("X-Second") == "yes"


def test_12_base_ends_at_a_slash(old: Site) -> None:
    assert old.get("/base/parts").body == b"abcdef"
    assert old.get("/based/parts").status == 404


def test_13_no_traceback_for_clients(old: Site) -> None:
    mark = old.log.mark()
    response = old.get("/raises")
    assert response.status == 500
    assert b"secret" not in response.body and b"Traceback" not in response.body
    old.log.wait("ValueError: secret", mark)


def test_14_a_slow_client_holds_up_nobody(pages: Site) -> None:
    with pages.client() as slow, pages.client() as other:
        slow.start(
            "POST", "/api.py" + query(do="read", sizes="0"), [("Content-Length", "4")], b"ab"
        )
        for _ in range(20):
            assert other.get("/hello.py").body == b"hello"
        slow.send(b"cd")
        assert slow.response("POST").json() == ["abcd"]


LOADED = """
import ctypes, os, sys
ctypes.CDLL(sys.argv[1])
maps = open("/proc/self/maps").read()
print(len(os.listdir("/proc/self/task")), "_engine" in maps, maps.count("pyisapie.so") > 0)
"""


@pytest.mark.skipif(bool(windows.NAME), reason="/proc is Linux's")
def test_15_loading_the_extension_starts_nothing() -> None:
    """Python is started by a thread of its own when the first request or GetExtensionVersion
    comes, never while the system loads the library."""
    command = [sys.executable, "-c", LOADED, str(package() / "pyisapie.so")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False", "True"]


def test_versions(old: Site) -> None:
    version, both, interpreter = json.loads(old.get("/versions").body)
    assert re.match(r"\d+\.\d+\.\d+", version)
    assert all(one == other for one, other in both)
    assert [one for one, _ in both][4] in (32, 64)
    assert interpreter == "main"
