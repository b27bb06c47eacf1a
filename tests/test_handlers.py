# SPDX-License-Identifier: Apache-2.0
"""A site's own package: its handler, settings, URL maps, and interpreters of its own."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process, windows
from harness.paths import TEST_MODE, host_program, package
from harness.serve import Serve

Start = Callable[..., Serve]
main_only = pytest.mark.skipif(bool(TEST_MODE), reason="InterpreterMap needs the mode main")


def site_of(root: Path, **files: str) -> Path:
    """A site's folder: modules by their dotted names, with "_" for the dot."""
    for name, text in files.items():
        path = root / (name.replace("_", "/").replace("/init", "/__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "www").mkdir(exist_ok=True)
    return root


def body(serve: Serve, target: str, host: str = "localhost") -> str:
    """What a GET request answers."""
    with serve.client() as client:
        client.host = host
        return client.get(target).body.decode()


ECHO = """
from Http import Env, Write

def Request():
    if Env.URL.startswith("/static/"):
        return True
    Write("handled " + Env.URL)
"""


def test_the_site_has_a_handler(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Isapi=ECHO)
    (root / "www" / "static").mkdir()
    (root / "www" / "static" / "a.txt").write_text("a file")
    (root / "www" / "static" / "a.py").write_text("must not be sent")
    site = serve("./www", root=root).site("ours")
    assert site.get("/any/path").body == b"handled /any/path"
    response = site.get("/static/a.txt")
    assert (response.status, response.body) == (200, b"a file")
    assert site.get("/static/a.py").status == 404
    assert site.get("/static/nope.txt").status == 404


def test_a_handler_before_the_pages(serve: Start, tmp_path: Path) -> None:
    handler = """
from Http import Env, Pages, Write
def Request():
    if Env.URL == "/status":
        return Write("well")
    return Pages.Request()
"""
    root = site_of(tmp_path, Http_Isapi=handler)
    (root / "www" / "page.py").write_text("from Http import Write\ndef Request(): Write('page')")
    site = serve("./www", root=root).site("ours")
    assert site.get("/status").body == b"well"
    assert site.get("/page.py").body == b"page"


def test_a_handler_at_a_mount(serve: Start, tmp_path: Path) -> None:
    root = site_of(
        tmp_path,
        Http_Isapi=ECHO,
        main="""
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"wsgi"]
""",
    )
    site = serve("/=main:app,/old=./www/", root=root).site("ours")
    assert site.get("/older").body == b"wsgi"
    assert site.get("/old/x").body == b"handled /old/x"


def test_the_package_is_no_page(serve: Start, tmp_path: Path) -> None:
    """A site may have all in one folder, as on IIS."""
    site_of(tmp_path, Http_Config="print('must not be served')", page="print('page')", Web_index="")
    site = serve("/shop=./", root=tmp_path).site("ours")
    assert site.get("/shop/page.py").body == b"page\n"
    for path in ("/shop/Http/Config.py", "/shop/http/config.py", "/shop/Http/", "/shop/Http"):
        assert site.get(path).status == 404, path
    for path in ("/shop", "/shop/Web"):
        response = site.get(path)
        location = None if path == "/shop" else "/shop/Web/"
        assert response.header("Location") == location
    (tmp_path / "index.py").write_text("print('index')")
    assert site.get("/shop").header("Location") == "/shop/"


CONFIG = """
BufferSize = None
KeepAlive = False
DefaultHeaders = ["Content-Type: text/x-default", "X-Default: default"]
StaticHeaders = ["X-Static: always"]
"""

CONFIGURED = """
from Http import Config, Env, Header, Write
from Http.WSGI import RunWSGI

Config.StaticHeaders = Config.StaticHeaders + ["X-Of-Isapi: too"]

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/x-wsgi")])
    return [b"wsgi"]

def Request():
    if Env.URL == "/wsgi":
        return RunWSGI(app)
    if Env.URL == "/own":
        Header("X-Default: own")
    Write(repr(Env.KeepAlive))
"""


def test_the_settings_of_a_site(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Isapi=CONFIGURED, Http_Config=CONFIG)
    site = serve("./www", root=root).site("ours")
    with site.client() as client:
        response = client.get("/")
        assert response.body == b"False"
        assert client.is_closed()
    assert response.header("Content-Length") is None  # it was sent as it was written
    assert response.header("Content-Type") == "text/x-default"
    assert response.header("X-Default") == "default"
    assert response.header("X-Static") == "always"
    assert response.header("X-Of-Isapi") == "too"
    own = site.get("/own")
    assert own.all("X-Default") == ["own"]
    wsgi = site.get("/wsgi")
    assert (wsgi.header("Content-Type"), wsgi.header("X-Static")) == ("text/x-wsgi", "always")
    assert wsgi.header("X-Default") is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("BufferSize = 63", "BufferSize is 63"),
        ("BufferSize = '64'", "BufferSize is '64'"),
        ("StaticHeaders = ['nothing']", "StaticHeaders is 'nothing'"),
        ("DefaultHeaders = ['X: a\\nb']", "DefaultHeaders is"),
        ("InterpreterMap = 5", "InterpreterMap is 5"),
        ("InterpreterLimit = 0", "InterpreterLimit is 0"),
    ],
)
def test_wrong_settings(serve: Start, tmp_path: Path, config: str, message: str) -> None:
    site = serve("./www", root=site_of(tmp_path, Http_Config=config)).site("ours")
    response = site.get("/")
    assert response.status == 500
    site.log.wait(message)


def test_the_handler_is_no_page(serve: Start, tmp_path: Path) -> None:
    """Where the document root holds the package, too: it would call itself without end."""
    delegate = """
from pyisapie._engine import page_pages
def Request(): return page_pages().serve()
"""
    root = site_of(tmp_path, Http_Isapi=delegate, Http_Config="print('run')", page="print('page')")
    site = serve("./", root=root).site("ours")
    mark = site.log.mark()
    assert site.get("/page.py").body == b"page\n"
    for path in ("/Http/Isapi.py", "/Http/Config.py", "/Http/Isapi.py/more"):
        assert site.get(path).status == 404
    assert "Error" not in site.log.text(mark)


def test_a_handler_that_is_missing(serve: Start, tmp_path: Path) -> None:
    site = serve("./www", root=site_of(tmp_path, Http_Isapi="x = 1")).site("ours")
    assert site.get("/").status == 500
    site.log.wait("Http.Isapi has no function Request()")


# ---- several sites in one interpreter


def pool(tmp_path: Path, **sites: str) -> Serve:
    """As in an application pool of IIS: sites by name, each with the text of its handler or ""."""
    folders = []
    for name, handler in sites.items():
        root = tmp_path / name
        (root / "www").mkdir(parents=True)
        page = HANDLED.format("page")
        (root / "www" / "page.py").write_text(page)
        (root / "pyisapie.toml").write_text('app = "./www"\n')
        if handler:
            (root / "Http").mkdir()
            (root / "Http" / "Isapi.py").write_text(handler)
        folders.append(f"/{name}={windows.native(root)}")
    program = [] if windows.NAME else [host_program(), "--door", package() / "pyisapie.so"]
    return Serve(tmp_path / "serve", "", "--quirks", "iis", "--applications", ",".join(folders),
                 root=None, program=program)  # fmt: skip


HANDLED = "from Http import Write\ndef Request(): Write('{}')"


def test_sites_without_handlers_are_beside_each_other(tmp_path: Path) -> None:
    with pool(tmp_path, one="", two="") as started:
        assert body(started, "/one/page.py") == "page"
        assert body(started, "/two/page.py") == "page"


@pytest.mark.parametrize("first", ["handler", "plain", "other"])
def test_no_site_is_served_by_the_handler_of_another(tmp_path: Path, first: str) -> None:
    """Its modules are the package's in an interpreter, and so the others cannot be served."""
    expected = {"handler": "handled", "plain": "page", "other": "another"}
    sites = {"handler": HANDLED.format("handled"), "plain": "", "other": HANDLED.format("another")}
    with pool(tmp_path, **sites) as started:
        assert body(started, f"/{first}/page.py") == expected.pop(first)
        for name in expected:
            assert "for another site" in body(started, f"/{name}/page.py")
        assert "for another site" not in body(started, f"/{first}/page.py")


@main_only
def test_sites_with_interpreters_have_modules_of_their_own(tmp_path: Path) -> None:
    sites = {name: HANDLED.format(f"handled {name}") for name in ("one", "two")}
    started = pool(tmp_path, plain="", third=HANDLED.format("no map"), **sites)
    for name in sites:
        (tmp_path / name / "Http" / "Config.py").write_text(
            f"def InterpreterMap(): return 'of {name}'\nStaticHeaders = ['X-Site: {name}']"
        )
    with started:
        for name in ("plain", "one", "two", "one", "two"):
            with started.client() as client:
                response = client.get(f"/{name}/page.py")
            assert response.text == ("page" if name == "plain" else f"handled {name}")
            assert response.header("X-Site") == (None if name == "plain" else name)
        assert "for another site" in body(started, "/third/page.py")


def test_no_site_gets_modules_of_another(tmp_path: Path) -> None:
    """Also others than the handler: the package would be the one of both."""
    with pool(tmp_path, one="", two="", plain="") as started:
        for name in ("one", "two"):
            root = tmp_path / name
            (root / "Http").mkdir()
            (root / "Http" / "Part.py").write_text(f"name = {name!r}\n")
            (root / "www" / "page.py").write_text(
                "from Http import Part, Write\ndef Request(): Write(Part.name)\n"
            )
        assert body(started, "/one/page.py") == "one"
        assert "for another site" in body(started, "/two/page.py")
        assert body(started, "/plain/page.py") == "page"
        assert body(started, "/one/page.py") == "one"


def test_pages_of_one_name_are_modules_of_their_own(tmp_path: Path) -> None:
    with pool(tmp_path, one="", two="") as started:
        for name in ("one", "two"):
            (tmp_path / name / "www" / "page.py").write_text(
                "import sys\nfrom Http import Write\n"
                f"name = {name!r}\ndef Request(): Write(sys.modules[__name__].name)\n"
            )
        for name in ("one", "two", "one"):
            assert body(started, f"/{name}/page.py") == name


# ---- a package of another name


def test_a_package_of_another_name(serve: Start, tmp_path: Path) -> None:
    handler = "from Shop import Config, Write\ndef Request(): Write(Config.__name__)"
    root = site_of(tmp_path, Shop_Isapi=handler)
    assert body(serve("./www", "--package", "Shop", root=root), "/") == "Shop.Config"


def test_a_package_with_a_face_of_its_own(serve: Start, tmp_path: Path) -> None:
    root = site_of(
        tmp_path,
        Shop_init="from PyISAPIe import Write\nname = 'own'",
        Shop_Isapi="from Shop import name, Write, Config\ndef Request(): Write(name)",
    )
    assert body(serve("./www", "--package", "Shop", root=root), "/") == "own"


@pytest.mark.skipif(bool(windows.NAME), reason="a copy of the package for Windows: not made here")
def test_the_package_by_the_name_of_the_extension(serve: Start, tmp_path: Path) -> None:
    handler = "from Shop import Write\ndef Request(): Write('of Shop')"
    root = site_of(tmp_path / "site", Shop_Isapi=handler)
    folder = tmp_path / "site-packages" / "pyisapie"
    shutil.copytree(package(), folder)
    for name in ("Http", "PyISAPIe.py"):
        source = package().parent / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder.parent / name)
    door = folder / "PyISAPIe-Shop.so"
    shutil.copy(folder / "pyisapie.so", door)
    env = {"PYTHONPATH": str(folder.parent)}  # before the one of the environment
    started = serve("./www", "--door", str(door), "--home", sys.prefix, root=root, env=env)
    assert body(started, "/") == "of Shop"


# ---- URL maps


MAPPED = """
from Http import URL
from Web.Map import Map

Request = URL.Handler(Map)
"""

MAP = r"""
Map = {
    "Web": {
        r"^/$": "Index",
        "Users": {r"^/user/(\d+)/(\w*)$": "User"},
    },
}
"""


def test_a_url_map(serve: Start, tmp_path: Path) -> None:
    root = site_of(
        tmp_path,
        Http_Isapi=MAPPED,
        Web_init="from Http import Write\ndef Index(): Write('index')",
        Web_Map=MAP,
        Web_Users="from Http import Write\ndef User(*args): Write(repr(args))",
    )
    site = serve("./www", root=root).site("ours")
    assert site.get("/").body == b"index"
    assert site.get("/user/42/name").body == b"('42', 'name')"
    assert site.get("/user/x/name").status == 404


@pytest.mark.parametrize(
    ("map_", "message"),
    [('{"Web": {"^/$": 5}}', "must lead to a str or a dict"), ('{"^/$": "Index"}', "in no module")],
)
def test_wrong_url_maps(serve: Start, tmp_path: Path, map_: str, message: str) -> None:
    root = site_of(tmp_path, Http_Isapi=MAPPED, Web_init="", Web_Map=f"Map = {map_}")
    site = serve("./www", root=root).site("ours")
    assert site.get("/").status == 500
    site.log.wait(message)


def test_watch(serve: Start, tmp_path: Path) -> None:
    root = site_of(
        tmp_path,
        Http_Isapi="""
import part
from Http import Watch, Write
Watch.Watch(part)
def Request():
    Watch.Reload(0)
    Write(part.text)
""",
        part="text = 'one'",
    )
    started = serve("./www", root=root)
    assert body(started, "/") == "one"
    time.sleep(0.05)
    (root / "part.py").write_text("text = 'another'")
    assert body(started, "/") == "another"


# ---- what is kept beyond its time


NESTED = """
from Http import Env, Header, Write
from Http.WSGI import RunWSGI

kept = []

def inner(environ, start):
    kept.append(start)
    start("200 OK", [])
    return [b"inner"]

def outer(environ, start):
    kept.append(start)
    RunWSGI(inner)
    return [b"outer"]

def Request():
    if Env.URL == "/nested":
        return RunWSGI(outer)
    for start in kept:
        try:
            start("418 Other", [("X-Other", "1")])
        except RuntimeError:
            pass
    Write("own")
"""


def test_no_application_within_an_application(serve: Start, tmp_path: Path) -> None:
    """The outer one's start_response would live on, and answer what comes later."""
    site = serve("./www", root=site_of(tmp_path, Http_Isapi=NESTED)).site("ours")
    assert site.get("/nested").status == 500
    site.log.wait("Exception: An application is answering this request already")
    response = site.get("/")
    assert (response.status, response.body) == (200, b"own")


LATE = """
from Http import Env, Read, Write
from Http.WSGI import IsapiEnv

kept = []

class Late(Exception):
    def __str__(self):
        try:
            kept.append(IsapiEnv()["wsgi.input"])
        except Exception as error:
            return str(error)
        return "late"

def Request():
    if Env.URL == "/late":
        raise Late
    Write(b"".join(body.read() for body in kept) + b" " + Read())
"""


def test_the_body_is_not_opened_after_the_handler(serve: Start, tmp_path: Path) -> None:
    """As by the text of its exception: nobody would close it, and it would read the next one."""
    site = serve("./www", root=site_of(tmp_path, Http_Isapi=LATE)).site("ours")
    assert site.post("/late", b"first").status == 500
    assert site.post("/", b"second").body == b" second"
    site.log.wait("The body cannot be read any more: the handler has ended")


def test_what_an_application_of_a_script_prints(serve: Start, tmp_path: Path) -> None:
    """It goes to the log: the response is the application's."""
    root = site_of(tmp_path)
    (root / "www" / "page.py").write_text("""
from Http.WSGI import RunWSGI

def app(environ, start):
    print("before")
    start("200 OK", [("Content-Type", "text/plain")])
    print("after")
    return [b"of the application"]

RunWSGI(app, "/page.py")
print("at the end")
""")
    site = serve("./www", root=root).site("ours")
    response = site.get("/page.py")
    assert (response.status, response.body) == (200, b"of the application")
    for line in ("before", "after", "at the end"):
        site.log.wait(f" {line}$")


# ---- pages that are loaded


def test_a_time_limit_while_pages_wait_for_each_other(serve: Start, tmp_path: Path) -> None:
    """RequestTimeout is raised in a thread that waits for the lock: it must not keep it."""
    root = site_of(tmp_path)
    page = "from Http import Write\ndef Request(): Write('served')\n"
    (root / "www" / "slow.py").write_text(f"import time\ntime.sleep(2)\n{page}")
    (root / "www" / "page.py").write_text(page)
    started = serve("./www", "--request-timeout", "0.5", "--threads", "8", root=root)
    clients = [started.client() for _ in range(5)]
    clients[0].start("GET", "/slow.py")
    time.sleep(0.2)
    for client in clients[1:]:
        client.start("GET", "/slow.py")
    for client in clients:
        assert client.response().status == 504
        client.close()
    for _ in clients:
        started.log.wait("the request that took too long has ended")
    site = started.site("ours")
    (root / "www" / "slow.py").write_text(page)
    process.eventually(lambda: site.get("/slow.py").body == b"served", "pages are loaded", 10)
    assert site.get("/page.py").body == b"served"
    (root / "www" / "new.py").write_text(page)
    assert all(site.get("/new.py").body == b"served" for _ in range(8))


def test_a_page_that_is_known_does_not_wait_for_others(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path)
    page = "from Http import Write\ndef Request(): Write('served')\n"
    (root / "www" / "slow.py").write_text(f"import time\ntime.sleep(4)\n{page}")
    (root / "www" / "page.py").write_text(page)
    started = serve("./www", root=root)
    assert body(started, "/page.py") == "served"
    with started.client() as slow:
        slow.start("GET", "/slow.py")
        time.sleep(1.2)  # until its file is looked at again
        began = time.monotonic()
        assert body(started, "/page.py") == "served"
        assert time.monotonic() - began < 2
        assert slow.response().body == b"served"


# ---- interpreters


INTERPRETERS = """
import os
from Http import Env, Write

def Request():
    import counted
    seen = os.environ.get("OF_SITE", "")
    os.environ["OF_SITE"] = __interp__
    Write(f"{__interp__} {counted.next()} {seen}")
"""

COUNTED = """
import itertools
numbers = itertools.count(1)
def next():
    return numbers.__next__()
"""


@main_only
def test_an_interpreter_for_each_site(serve: Start, tmp_path: Path) -> None:
    root = site_of(
        tmp_path,
        Http_Isapi=INTERPRETERS,
        Http_Config="InterpreterMap = 'SERVER_NAME'",
        counted=COUNTED,
    )
    started = serve("./www", root=root)
    assert body(started, "/", "one.example") == "one.example 1 "
    assert body(started, "/", "two.example") == "two.example 1 "
    assert body(started, "/", "ONE.example") == "one.example 2 one.example"
    assert body(started, "/", "two.example:80") == "two.example 2 two.example"


@main_only
def test_a_function_chooses_the_interpreter(serve: Start, tmp_path: Path) -> None:
    config = """
from Http import Env
def InterpreterMap():
    return {"/a": "first", "/b": "second", "/wrong": 5}.get(Env.URL)
InterpreterLimit = 1
"""
    root = site_of(tmp_path, Http_Isapi=INTERPRETERS, Http_Config=config, counted=COUNTED)
    site = serve("./www", root=root).site("ours")
    assert site.get("/a").body.split()[:2] == [b"first", b"1"]
    assert site.get("/c").body.split()[:2] == [b"main", b"1"]
    assert site.get("/b").status == 503
    assert site.get("/wrong").status == 500
    site.log.wait("InterpreterMap must give a str or None, not int")
    assert site.get("/a").body.split()[:2] == [b"first", b"2"]


@main_only
def test_a_name_that_no_interpreter_can_have(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Config="InterpreterMap = 'HTTP_X_NAME'")
    site = serve("./www", root=root).site("ours")
    response = site.get("/", [("X-Name", "a" * 256)])
    assert (response.status, response.reason) == (400, "Bad Request")


@main_only
def test_the_handler_changes_settings_in_each_interpreter(serve: Start, tmp_path: Path) -> None:
    config = CONFIG + "InterpreterMap = 'HTTP_X_NAME'\n"
    root = site_of(tmp_path, Http_Isapi=CONFIGURED, Http_Config=config)
    site = serve("./www", root=root).site("ours")
    response = site.get("/", [("X-Name", "other")])
    assert (response.status, response.header("X-Static")) == (200, "always")
    assert response.header("X-Of-Isapi") == "too"


@main_only
def test_a_handler_that_cannot_be_loaded_in_an_interpreter(serve: Start, tmp_path: Path) -> None:
    config = "InterpreterMap = 'HTTP_X_NAME'\n"
    root = site_of(tmp_path, Http_Isapi="x = 1", Http_Config=config)
    site = serve("./www", root=root).site("ours")
    assert b"has no function Request()" in site.get("/", [("X-Name", "other")]).body
    (root / "Http" / "Isapi.py").write_text("def Request(): pass\n")
    process.eventually(lambda: site.get("/", [("X-Name", "other")]).status == 200, "mended", 10)


@main_only
def test_interpreters_under_load(serve: Start, tmp_path: Path) -> None:
    """Requests for several interpreters at once, on several threads, with errors among them."""
    handler = """
import threading, time
from Http import Env, Read, Write
state = threading.local()
def Request():
    data = Read()
    if Env.QUERY_STRING == "slow":
        time.sleep(0.01)
    if Env.QUERY_STRING == "fail":
        raise ValueError
    Write(f"{__interp__} {len(data)}")
"""
    root = site_of(tmp_path, Http_Isapi=handler, Http_Config="InterpreterMap = 'SERVER_NAME'")
    started = serve("./www", "--threads", "8", root=root)
    clients = [started.client() for _ in range(24)]
    for turn in range(20):
        for i, client in enumerate(clients):
            client.host = f"s{i % 4}.example"
            client.start("POST", "/?" + ("slow", "", "fail")[(i + turn) % 3], (), bytes(i))
        for i, client in enumerate(clients):
            response = client.response("POST")
            if (i + turn) % 3 == 2:
                assert response.status == 500
            else:
                assert response.body == f"s{i % 4}.example {i}".encode()
    for client in clients:
        client.close()


@main_only
def test_a_time_limit_reaches_other_interpreters(serve: Start, tmp_path: Path) -> None:
    handler = """
import time
from Http import Write
def Request():
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pass
"""
    root = site_of(tmp_path, Http_Isapi=handler, Http_Config="InterpreterMap = 'SERVER_NAME'")
    site = serve("./www", "--request-timeout", "0.5", root=root).site("ours")
    assert site.get("/").status == 504
    site.log.wait("in Request")
    site.log.wait("the request that took too long has ended")


WITHIN = """
import os
import pyisapie
from Http import Write

TOP = os.path.dirname(os.path.dirname(pyisapie.__file__))
CODE = f'''
import sys
sys.path.append({TOP!r})
from pyisapie import _engine
import PyISAPIe
said = []
for use in (lambda: PyISAPIe.Write("x"), PyISAPIe.Read, lambda: PyISAPIe.Env.SCRIPT_TRANSLATED):
    try:
        use()
    except Exception as error:
        said.append(str(error))
_engine.log(2, "from within: " + ", ".join(said))
'''

try:
    from concurrent import interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def Request():
    within = interpreters.create()
    if hasattr(within, "exec"):
        within.exec(CODE)
        within.close()
    else:
        interpreters.run_string(within, CODE)
        interpreters.destroy(within)
    Write("whole")
"""


@main_only
@pytest.mark.skipif(
    bool(windows.NAME) or (3, 12) <= sys.version_info < (3, 14),
    reason="the module has other names, or crashes",
)
@pytest.mark.parametrize("arguments", [(), ("--quirks", "apache")])
def test_an_interpreter_of_the_application_itself(
    serve: Start, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Within a request: it may log, and must not get at the request's objects."""
    root = site_of(tmp_path, Http_Isapi=WITHIN)
    site = serve("./www", *arguments, root=root).site("ours")
    for _ in range(3):
        mark = site.log.mark()
        assert site.post("/", b"body").body == b"whole"
        said = ", ".join(["Not currently processing a request"] * 3)
        site.log.wait("from within: " + said, mark)


@main_only
@pytest.mark.skipif(bool(windows.NAME), reason="PYTHONPATH is not the one of Wine's Python")
def test_an_interpreter_that_cannot_be_made(serve: Start, tmp_path: Path) -> None:
    """The others are served on, and it is tried again."""
    marker = tmp_path / "marker"
    config = f"""
import os
from Http import Env
def InterpreterMap():
    if Env.URL == "/bad":
        open({str(marker)!r}, "w").close()
    if Env.URL == "/good" and os.path.exists({str(marker)!r}):
        os.unlink({str(marker)!r})
    return None if Env.URL == "/main" else "guest"
"""
    root = site_of(
        tmp_path,
        Http_Isapi="from Http import Write\ndef Request(): Write(__interp__)",
        Http_Config=config,
    )
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"if os.path.exists({str(marker)!r}): sys.modules['pyisapie._support'] = None\n"
    )
    started = serve("./www", root=root, env={"PYTHONPATH": str(tmp_path)})
    site = started.site("ours")
    assert site.get("/bad").status == 503
    assert site.get("/main").body == b"main"
    process.eventually(lambda: site.get("/good").body == b"guest", "it is made", 10)


@main_only
@pytest.mark.skipif(bool(windows.NAME), reason="the harness kills wine itself, not the server")
def test_the_end_of_several_interpreters(serve: Start, tmp_path: Path) -> None:
    handler = """
import atexit
import threading
import time
from Http import Write

def run():
    while True:
        time.sleep(0.05)

atexit.register(print, "the end of", __interp__)
threading.Thread(target=run, daemon=True).start()

def Request():
    Write(__interp__)
"""
    config = """
import atexit
atexit.register(print, "the end of Config in", __interp__)
InterpreterMap = "SERVER_NAME"
"""
    root = site_of(tmp_path, Http_Isapi=handler, Http_Config=config)
    started = serve("./www", root=root)
    for name in ("one.example", "two.example"):
        assert body(started, "/", name) == name
    assert started.stop() == 0
    text = started.log.text(0)
    for whose in ("one.example", "two.example", "Config in main"):
        assert f"the end of {whose}" in text
    assert "Fatal" not in text and "remaining subinterpreters" not in text


@pytest.mark.skipif(TEST_MODE in ("", "main"), reason="of the other modes")
def test_interpreters_need_the_mode_main(serve: Start, tmp_path: Path) -> None:
    root = site_of(tmp_path, Http_Config="InterpreterMap = 'SERVER_NAME'")
    site = serve("./www", root=root).site("ours")
    assert json.dumps(site.get("/").status) == "500"
    site.log.wait("InterpreterMap needs the mode main")


LASTS = """
import time
from Http.WSGI import RunWSGI
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"answered"]
def Request():
    RunWSGI(app)
    time.sleep(1.5)
"""


@pytest.mark.parametrize("quirks", ["none", "apache"])
def test_what_a_handler_does_after_its_answer(serve: Start, tmp_path: Path, quirks: str) -> None:
    """The client has the answer before the time limit ends the handler."""
    root = site_of(tmp_path, Http_Isapi=LASTS)
    site = serve("./www", "--quirks", quirks, "--request-timeout", "0.5", root=root).site("ours")
    response = site.get("/")
    assert (response.status, response.body) == (200, b"answered")
