# SPDX-License-Identifier: Apache-2.0
"""Applications and settings that fail at the start: the page, the log, and the repair."""

from __future__ import annotations

import html
import os
import shutil
import site as site_module
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import vhost, watch
from harness import process, windows
from harness.client import Response
from harness.httpd import Httpd, Unavailable
from harness.serve import Serve
from harness.site import APACHE, QUIRKS, Site

SITE_MODULE = (
    windows.path(windows.python() / "Lib" / "site.py") if windows.NAME else site_module.__file__
)
GOOD = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"repaired"]
"""


@dataclass
class Kind:
    """One way to fail."""

    files: dict[str, str]
    app: str
    expected: list[str]  # in the page and in the log
    trace: str = ""  # in both, too, if there is a traceback


KINDS = {
    "no-module": Kind(
        {},
        "site_gone:app",
        ["There is no module named", "site_gone", "`pyisapie serve`", "setting app", "--root"],
    ),
    "no-package": Kind({}, "site_gone.wsgi:app", ["There is no module named", "site_gone"]),
    "missing-dependency": Kind(
        {"site_one.py": "import of_no_library"},
        "site_one:app",
        ["of_no_library", "which is not installed", "pip install"],
        "site_one.py",
    ),
    "syntax-error": Kind(
        {"site_one.py": "x = 1\ndef app(:\n    pass\n"},
        "site_one:app",
        ["syntax error in", "site_one.py, line 2"],
        "def app(:",
    ),
    "indentation": Kind(
        {"site_one.py": "def app():\nreturn 1\n"}, "site_one:app", ["syntax error in", "line 2"]
    ),
    "not-utf-8": Kind(
        {"site_one.py": "x = '\udce9'\napp = None\n"},
        "site_one:app",
        ["syntax error in", "site_one"],
    ),
    "raises": Kind(
        {"site_one.py": "def fail():\n    raise RuntimeError('as <planned>')\nfail()\n"},
        "site_one:app",
        ["raised RuntimeError when it was imported"],
        "RuntimeError: as <planned>",
    ),
    "exits": Kind(
        {"site_one.py": "import sys\nsys.exit(3)\n"}, "site_one:app", ["SystemExit"], "sys.exit(3)"
    ),
    "interrupts": Kind(
        {"site_one.py": "raise KeyboardInterrupt\n"}, "site_one:app", ["KeyboardInterrupt"]
    ),
    "no-callable": Kind(
        {"site_one.py": "def application(e, s): pass\n"},
        "site_one:app",
        ["has no 'app'", "application"],
    ),
    "shadowed": Kind({"site.py": GOOD}, "site:app", ["'site' has no 'app'", SITE_MODULE]),
    "built-in": Kind({"sys.py": GOOD}, "sys:app", ["'sys' has no 'app'", "of Python itself"]),
    "not-callable": Kind({"site_one.py": "app = 42\n"}, "site_one:app", ["is not callable", "int"]),
    "factory-without-brackets": Kind(
        {"site_one.py": "def make():\n    return print\n"},
        "site_one:make",
        ["takes no arguments", "write site_one:make()"],
    ),
    "asgi": Kind(
        {"site_one.py": "async def app(scope, receive, send): pass\n"},
        "site_one:app",
        ["an async function: an ASGI application", "a2wsgi"],
    ),
    "asgi-of-a-class": Kind(
        {"site_one.py": "class App:\n    async def __call__(self, *args): pass\napp = App()\n"},
        "site_one:app",
        ["an async function: an ASGI application"],
    ),
    "factory-raises": Kind(
        {"site_one.py": "def make():\n    raise ValueError('no config')\n"},
        "site_one:make()",
        ["raised ValueError"],
        "no config",
    ),
    "deep-in-an-import": Kind(
        {"site_one.py": "import site_two", "site_two.py": "1 / 0\n"},
        "site_one:app",
        ["ZeroDivisionError"],
        "site_two.py",
    ),
    "two-mounts": Kind(
        {"site_one.py": GOOD},
        "/a=site_one:app,/a/=site_two:app",
        ["Two applications", "/a: 'site_one:app' and 'site_two:app'"],
    ),
    "mount-without-app": Kind({"site_one.py": GOOD}, "/a=,/b=site_one:app", ["'/a='"]),
}


def lay(root: Path, files: dict[str, str]) -> None:
    """Write modules."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name).write_text(text, "utf-8", "surrogateescape")


def text_of(page: Response) -> str:
    """The page with its entities resolved."""
    return html.unescape(page.body.decode())


def check_page(page: Response, kind: Kind) -> None:
    """A whole page that says what is wrong."""
    assert page.status == 500
    assert page.complete
    assert page.header("Content-Type") == "text/html; charset=utf-8"
    assert b"<planned>" not in page.body, "the page must be escaped"
    for word in kind.expected:
        assert word in text_of(page)
    if kind.trace:
        assert kind.trace in text_of(page)


def check_short(page: Response, site: Site, kind: Kind) -> None:
    """For others than this machine: a reference number, which is in the log, and no more."""
    assert page.status == 500
    text = text_of(page)
    assert "Traceback" not in text
    assert "site_one" not in text
    for word in kind.expected:
        assert word not in text
    reference = text.split("Reference ")[1].split("<")[0]
    assert any(entry.request_id == reference for entry in site.log.entries())


def start_ours(serve: Callable[..., Serve], root: Path, kind: Kind, *more: str) -> Site:
    """Our host with a failing application."""
    return serve(kind.app, *more, root=root).site(QUIRKS in more)


@pytest.mark.parametrize("name", list(KINDS))
def test_page_and_log(serve: Callable[..., Serve], tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    lay(tmp_path / "root", kind.files)
    site = start_ours(serve, tmp_path / "root", kind)
    check_page(site.get("/some/path"), kind)
    entry = site.log.wait_entry(".", timeout=5)
    text = "\n".join(entry.text for entry in site.log.entries())
    for word in (*kind.expected, kind.trace):
        assert word in text
    assert entry
    check_short(site.get("/", [("X-Forwarded-For", "192.0.2.1")]), site, kind)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_clients_behind_a_proxy_see_the_short_page(
    serve: Callable[..., Serve], tmp_path: Path, header: str
) -> None:
    kind = KINDS["raises"]
    lay(tmp_path / "root", kind.files)
    site = start_ours(serve, tmp_path / "root", kind)
    check_short(site.get("/", [(header, "192.0.2.1")]), site, kind)


@pytest.mark.parametrize(("shown", "full"), [("always", True), ("never", False)])
def test_show_errors(serve: Callable[..., Serve], tmp_path: Path, shown: str, full: bool) -> None:
    kind = KINDS["raises"]
    lay(tmp_path / "root", kind.files)
    site = start_ours(serve, tmp_path / "root", kind, "--show-errors", shown)
    headers = [("X-Forwarded-For", "192.0.2.1")] if full else []
    assert ("RuntimeError" in text_of(site.get("/", headers))) is full


@pytest.mark.parametrize("name", ["raises", "syntax-error", "no-module", "no-callable"])
def test_repair_is_picked_up(serve: Callable[..., Serve], tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    root = tmp_path / "root"
    lay(root, kind.files)
    site = start_ours(serve, root, kind)
    assert site.get("/").status == 500
    lay(root, {kind.app.partition(":")[0] + ".py": GOOD})
    process.eventually(lambda: site.get("/").status == 200, "the repaired site answers", 3)
    assert site.get("/").body == b"repaired"
    assert site.log.wait_entry("The application is loaded now").level == "INFO"


def test_it_is_tried_once_a_second_at_most(serve: Callable[..., Serve], tmp_path: Path) -> None:
    count = "from pathlib import Path\nwith Path(__file__).with_name('count').open('a') as f:\n"
    count += "    f.write('x')\nraise RuntimeError\n"
    root = tmp_path / "root"
    lay(root, {"site_one.py": count})
    site = serve("site_one:app", root=root).site()
    begin = time.monotonic()
    while time.monotonic() - begin < 2.5:
        assert site.get("/").status == 500
    tries = len((root / "count").read_text())
    assert 2 <= tries <= 5


def test_the_same_failure_is_logged_once(serve: Callable[..., Serve], tmp_path: Path) -> None:
    kind = KINDS["raises"]
    root = tmp_path / "root"
    lay(root, kind.files)
    site = start_ours(serve, root, kind)
    for _ in range(3):
        assert site.get("/").status == 500
        time.sleep(1.1)  # so that it is tried again
    assert site.log.text().count("RuntimeError: as <planned>") == 1
    lay(root, {"site_one.py": "raise RuntimeError('otherwise')\n"})
    process.eventually(lambda: "otherwise" in text_of(site.get("/")), "it is tried again", 3)
    site.log.wait("RuntimeError: otherwise")


def test_a_worker_that_cannot_load_is_not_called_ready(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    kind = KINDS["raises"]
    lay(tmp_path / "root", kind.files)
    site = start_ours(serve, tmp_path / "root", kind)
    entry = site.log.wait_entry(r"worker \d+ is (up|ready)")
    assert entry.level == "WARNING"
    assert "is up, but the application could not be loaded" in entry.text


def test_all_methods_get_the_page(serve: Callable[..., Serve], tmp_path: Path) -> None:
    kind = KINDS["raises"]
    lay(tmp_path / "root", kind.files)
    site = start_ours(serve, tmp_path / "root", kind)
    assert site.post("/", b"x" * 1000).status == 500
    with site.client() as client:
        head = client.request("HEAD", "/")
        assert (head.status, head.body) == (500, b"")
        assert client.get("/").status == 500


def test_a_file_instead_of_a_module(serve: Callable[..., Serve], tmp_path: Path) -> None:
    root = tmp_path / "root"
    lay(root, {"site_one.py": GOOD, "pyisapie.toml": 'app = "site_one.py"\n'})
    page = serve("", root=root).site().get("/")
    assert "did you mean site_one:app?" in text_of(page)


def test_a_root_that_does_not_exist(serve: Callable[..., Serve], tmp_path: Path) -> None:
    try:
        site = serve("site_one:app", root=tmp_path / "gone").site()
    except RuntimeError as error:  # said at the start: as good
        assert "gone" in str(error)
        return
    page = site.get("/")
    assert page.status == 500
    assert "does not exist" in text_of(page)


@pytest.mark.skipif(os.name == "nt" or not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize("app", ["site_one:app", ""])
def test_a_root_that_may_not_be_read(tmp_path: Path, app: str) -> None:
    root = tmp_path / "site"
    lay(root, {"site_one.py": GOOD})
    as_root = os.geteuid() == 0
    if as_root:
        os.chown(root, 65534, 65534)
    root.chmod(0o700 if as_root else 0)
    code = (
        "import sys, unittest.mock\n"
        "import pyisapie\n"
        "pyisapie._engine = sys.modules['pyisapie._engine'] = unittest.mock.MagicMock()\n"
        "from pyisapie import _loading\n"
        "try:\n"
        f"    _loading._load({app!r}, {str(root)!r}, '')\n"
        "except _loading.LoadError as error:\n"
        "    sys.exit(f'LoadError {error} {error.advice}')\n"
    )
    # Root without capabilities may read only what the file's mode gives it.
    without = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if as_root else []
    done = subprocess.run(
        [*without, sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False
    )
    root.chmod(0o700)
    assert "LoadError" in done.stderr
    assert f"This account may not read the folder {root}." in done.stderr


def test_requests_wait_for_a_slow_start(serve: Callable[..., Serve], tmp_path: Path) -> None:
    lay(tmp_path / "root", {"site_one.py": "import time\ntime.sleep(1)\n" + GOOD})
    site = serve("site_one:app", root=tmp_path / "root").site()
    clients = [site.client() for _ in range(20)]
    for client in clients:
        client.start("GET", "/")
    for client in clients:
        assert client.response().body == b"repaired"
        client.close()


def test_a_start_that_takes_too_long_is_said(serve: Callable[..., Serve], tmp_path: Path) -> None:
    lay(tmp_path / "root", {"site_one.py": "import time\ntime.sleep(4)\n" + GOOD})
    site = serve("site_one:app", "--start-timeout", "1", root=tmp_path / "root").site()
    begin = time.monotonic()
    page = site.get("/")
    assert page.status == 503
    assert page.header("Retry-After")
    assert time.monotonic() - begin < 3
    assert "start-timeout" in text_of(page)
    process.eventually(lambda: site.get("/").status == 200, "it has started after all", 10)


def test_factory(serve: Callable[..., Serve], tmp_path: Path) -> None:
    text = GOOD.replace("app(", "inner(") + "\ndef make():\n    return inner\n"
    lay(tmp_path / "root", {"site_one.py": text})
    assert serve("site_one:make()", root=tmp_path / "root").site().get("/").body == b"repaired"


def test_attribute_of_an_object(serve: Callable[..., Serve], tmp_path: Path) -> None:
    text = GOOD + "\nclass Holder:\n    app = staticmethod(app)\n"
    lay(tmp_path / "root", {"site_one.py": text})
    assert serve("site_one:Holder.app", root=tmp_path / "root").site().get("/").status == 200


# ---- Apache


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> object:
    """An Apache with a failing site for each kind, beside a good one."""
    folder = tmp_path_factory.mktemp("broken")
    more = ""
    for name, kind in KINDS.items():
        # One Python serves all: each kind's modules have names of their own.
        files = {_own(file, name): _own(text, name) for file, text in kind.files.items()}
        lay(folder / name, files)
        more += vhost(f"{name}.localhost", _own(kind.app, name), folder / name)
    lay(folder / "good", {"site_good.py": GOOD})
    defines = {"SITE_NAME": "good.localhost", "SITE_APP": "site_good:app"}
    defines |= {"SITE_ROOT": windows.native(folder / "good"), "SITE_STATIC": windows.native(folder)}
    try:
        with Httpd(folder / "httpd", defines, more) as httpd:
            watch("broken apache", httpd.log)
            yield httpd
    except Unavailable as error:
        pytest.skip(f"Apache: {error}")


def _own(text: str, name: str) -> str:
    tag = name.replace("-", "_")
    return text.replace("site_", f"site_{tag}_")


@pytest.mark.parametrize("name", list(KINDS))
def test_apache_page_and_log(broken: Httpd, name: str) -> None:
    kind = KINDS[name]
    mine = Kind({}, kind.app, [_own(word, name) for word in kind.expected], _own(kind.trace, name))
    site = broken.site(f"{name}.localhost")
    check_page(site.get("/some/path"), mine)
    text = site.log.text()
    for word in mine.expected:
        assert word in text
    check_short(site.get("/", [("X-Forwarded-For", "192.0.2.1")]), site, mine)
    assert broken.site("good.localhost").get("/").body == b"repaired", (
        "other sites are not concerned"
    )


def test_apache_misspelled_variable(tmp_path: Path, broken: Httpd) -> None:
    defines = {**broken.defines, "SITE_ROOT": windows.native(tmp_path)}
    with Httpd(tmp_path / "httpd", defines, env={"PYISAPIE_THREAD": "2"}) as httpd:
        page = httpd.site("good.localhost").get("/")
        assert page.status == 500
        assert "PYISAPIE_THREAD is no setting" in text_of(page)
        assert "Did you mean PYISAPIE_THREADS?" in text_of(page)


def test_apache_repair_is_picked_up(broken: Httpd) -> None:
    site = broken.site("raises.localhost")
    assert site.get("/").status == 500
    assert site.server == APACHE
    path = broken.folder.parent / "raises" / "site_raises_one.py"
    path.write_text(GOOD)
    process.eventually(lambda: site.get("/").status == 200, "the repaired site answers", 3)
