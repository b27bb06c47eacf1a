# SPDX-License-Identifier: Apache-2.0
"""Servers that live as long as the session, and their logs beside a failure."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import browser, windows
from harness.examples import Examples
from harness.httpd import Httpd, Unavailable, free_port, whole_vhost
from harness.logs import Log
from harness.paths import APACHE as APACHE_SAMPLES
from harness.paths import APPS, DEMO, PAGES, REAL_APPS, TEST_MODE
from harness.serve import Serve
from harness.site import APACHE, HOSTS, IIS, QUIRKS, Site, modules, mounts

TAIL = 6000  # characters of each log that a failure shows

APPS_APP = mounts(modules())
REAL_APP = "/flask=flask_site:app,/dav=dav_site:app"
if (
    not TEST_MODE and not windows.NAME
):  # its brotlicffi and greenlet know one interpreter only, and need the GIL
    REAL_APP += ",/httpbin=httpbin:app"
DEMO_APP = "demo.wsgi:application"
VHOST = """
<VirtualHost *>
  ServerName {name}
  AllowEncodedSlashes On
  Alias "{path}" "${{PYISAPIE_DIR}}/${{PYISAPIE_DOOR}}{slash}"
  SetEnv PYISAPIE_APP "{app}"
  SetEnv PYISAPIE_ROOT "{root}"
</VirtualHost>
"""

WITH_FILES = """
<VirtualHost *>
  ServerName {name}
  AllowEncodedSlashes On
  Alias "/" "${{PYISAPIE_DIR}}/${{PYISAPIE_DOOR}}/"
  SetEnv PYISAPIE_APP "{app}"
  SetEnv PYISAPIE_ROOT "{root}"
  SetEnv PYISAPIE_STATIC "/static={files}"
</VirtualHost>
"""

_logs: dict[str, Log] = {}
_marks: dict[str, int] = {}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes")
    config.addinivalue_line("markers", "browser: drives a real browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With httpd for Windows as the host, our own has had its turn in another run."""
    if not windows.HTTPD:
        return
    others = [i for i in items if {"ours", "serve"} & set(getattr(i, "fixturenames", ()))]
    config.hook.pytest_deselected(items=others)
    items[:] = [i for i in items if i not in others]


def watch(name: str, log: Log) -> None:
    """Show what this log got during a test when that test fails."""
    _logs[name] = log
    _marks.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    _marks.clear()
    _marks.update({name: log.mark() for name, log in _logs.items()})
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, log in _logs.items():
            text = log.text(_marks.get(name, 0))
            if text:
                report.sections.append((f"log of {name}", text[-TAIL:]))
    return report


def vhost(name: str, app: str, root: Path, path: str = "/") -> str:
    """A further virtual host in Apache's configuration."""
    slash = "/" if path == "/" else ""
    return VHOST.format(name=name, app=app, root=windows.native(root), path=path, slash=slash)


def _tls(folder: Path) -> dict[str, str]:
    """A port for TLS and a certificate, where there are mod_ssl and a program to make one."""
    openssl = shutil.which("openssl")
    if windows.HTTPD or not openssl:
        return {}
    file = folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=tls.localhost", "-out", str(file), "-keyout", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return {"TEST_TLS": f"127.0.0.1:{free_port()}", "TEST_CERTIFICATE": str(file)}


class Servers:
    """Starts what is asked for, once, and stops it at the end of the session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"  # of the site "files", at /static
        self._stack = ExitStack()
        self._sites: dict[tuple[str, str], Site] = {}
        self._httpd: Httpd | None = None
        self._second: Httpd | None = None
        self._unavailable: str | None = None

    def close(self) -> None:
        """Stop all."""
        self._stack.close()

    def httpd(self) -> Httpd:
        """The one Apache, with all sites."""
        if self._unavailable:
            pytest.skip(self._unavailable)
        if self._httpd is None:
            try:
                self._httpd = self._start_httpd()
            except Unavailable as error:
                self._unavailable = f"Apache: {error}"
                pytest.skip(self._unavailable)
        return self._httpd

    def _start_httpd(self) -> Httpd:
        folder = self.folder / "apache"
        static = self.folder / "static"
        static.mkdir()
        (static / "style.css").write_text("body { color: black }\n", "utf-8")
        defines = {
            "SITE_NAME": "apps.localhost",
            "SITE_APP": APPS_APP,
            "SITE_ROOT": windows.native(APPS),
            "SITE_STATIC": windows.native(static),
            "SHOP_NAME": "shop.localhost",
            "SHOP_APP": "process:app",
            "SHOP_ROOT": windows.native(APPS),
            "PYISAPIE_THREADS": "8",
        }
        more = vhost("real.localhost", REAL_APP, REAL_APPS) + vhost(
            "demo.localhost", DEMO_APP, DEMO
        )
        more += vhost("mounted.localhost", "environ_json:app", APPS, "/mounted/here")
        more += vhost("broken.localhost", "no_such_module:app", APPS)
        more += vhost("nothing.localhost", "", APPS)
        more += vhost("root.localhost", "environ_json:app", APPS)
        more += whole_vhost("whole.localhost", "environ_json:app", APPS)
        more += whole_vhost("pages.localhost", "./", self.pages())
        more += WITH_FILES.format(
            name="files.localhost",
            app="/=hello:app,/slow=slow:app",
            root=windows.native(APPS),
            files=windows.native(self.files),
        )
        httpd = Httpd(folder, defines, more, self._data("apache", folder))
        watch("apache", httpd.log)
        return self._stack.enter_context(httpd)

    def second_httpd(self) -> Httpd:
        """A further Apache: the door is loaded at its start, and its sites are unusual."""
        self.httpd()  # skips where there is none
        if self._second is None:
            folder = self.folder / "second"
            folder.mkdir()
            users = folder / "users"
            digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
            users.write_text(f"user:{{SHA}}{digest}\n")
            defines = {
                "SITE_NAME": "first.localhost",
                "SITE_APP": APPS_APP,
                "SITE_ROOT": windows.native(APPS),
                "SITE_STATIC": windows.native(folder),
                "TEST_USERS": windows.native(users),
                "PYISAPIE_PRELOAD": "1",
            }
            defines |= _tls(folder)
            more = f'Include "{windows.native(APACHE_SAMPLES / "unusual.conf")}"'
            httpd = Httpd(folder / "httpd", defines, more)
            watch("second apache", httpd.log)
            self._second = self._stack.enter_context(httpd)
        return self._second

    def _data(self, name: str, folder: Path) -> dict[str, str]:
        path = windows.native
        return {"DEMO_DATA": path(folder / "demo"), "DAV_ROOT": path(folder / "dav")}

    def pages(self) -> Path:
        """A document root: tests/pages, and what is not fit to lie among our own files."""
        root = self.folder / "pages"
        if not root.exists():
            shutil.copytree(PAGES, root)
            (root / "syntax.py").write_text("def Request(:\n")
            (root / "__init__.py").write_text("Write('must not be served')\n")
            (root / "_menu.py").write_text("print('must not be served')\n")
            (root / ".hidden").write_text("must not be sent\n")
            (root / ".git").mkdir()
            (root / ".git" / "page.py").write_text("print('must not be served')\n")
            (root / "pyisapie.ini").write_text("must not be sent\n")
            (self.folder / "outside.py").write_text("print('must not be served')\n")
            (self.folder / "outside.txt").write_text("must not be sent\n")
            if not windows.NAME:
                (root / "link.py").symlink_to(self.folder / "outside.py")
                (root / "link.txt").symlink_to(self.folder / "outside.txt")
        return root

    def site(self, server: str, what: str) -> Site:
        """The site "apps", "files", "real", "demo" or "pages" on one of HOSTS."""
        if server == APACHE:
            return self.httpd().site(f"{what}.localhost")
        key = (server, what)
        if key not in self._sites:
            self._sites[key] = self._start(server, what)
        return self._sites[key]

    def _start(self, server: str, what: str) -> Site:
        app, root = {
            "apps": (APPS_APP, APPS),
            "files": ("/=hello:app,/slow=slow:app", APPS),
            "real": (REAL_APP, REAL_APPS),
            "demo": (DEMO_APP, DEMO),
            "pages": ("./", self.pages()),
        }[what]
        folder = self.folder / f"{server}-{what}"
        args = {QUIRKS: ["--quirks", "apache"], IIS: ["--quirks", "iis"]}.get(server, [])
        env = self._data(server, folder)
        if server == IIS:  # it has no other way to tell the extension
            env |= {"PYISAPIE_APP": app, "PYISAPIE_ROOT": windows.native(root)}
        if what == "files":
            env["PYISAPIE_STATIC"] = f"/static={windows.native(self.files)}"
        serve = Serve(folder, app, *args, root=root, env=env)
        watch(folder.name, serve.log)
        return self._stack.enter_context(serve).site(server)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All servers of the session."""
    found = Servers(tmp_path_factory.mktemp("servers"))
    yield found
    found.close()


@pytest.fixture(scope="session", params=HOSTS)
def server(request: pytest.FixtureRequest) -> str:
    """The name of each host in turn: what must be the same on all."""
    return str(request.param)


@pytest.fixture
def apps(servers: Servers, server: str) -> Site:
    """The tiny applications, on each host."""
    return servers.site(server, "apps")


@pytest.fixture
def ours(servers: Servers) -> Site:
    """The tiny applications on our own host."""
    return servers.site("ours", "apps")


@pytest.fixture
def apache(servers: Servers) -> Site:
    """The tiny applications on Apache."""
    return servers.site(APACHE, "apps")


@pytest.fixture
def httpd(servers: Servers) -> Httpd:
    """The Apache of the session."""
    return servers.httpd()


@pytest.fixture
def second(servers: Servers) -> Httpd:
    """The Apache with unusual sites."""
    return servers.second_httpd()


@pytest.fixture
def real(servers: Servers, server: str) -> Site:
    """Flask, httpbin and WsgiDAV, on each host."""
    return servers.site(server, "real")


@pytest.fixture
def demo(servers: Servers, server: str) -> Site:
    """The Django demo, on each host."""
    return servers.site(server, "demo")


@pytest.fixture
def pages(servers: Servers, server: str) -> Site:
    """A document root of pages, on each host."""
    return servers.site(server, "pages")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Starts servers for one test: serve(app, *args, root=...)."""
    with ExitStack() as stack:
        count = 0

        def start(app: str = "", *args: str, listeners: int = 1, **options: object) -> Serve:
            nonlocal count
            count += 1
            made = Serve(tmp_path / f"serve-{count}", app, *args, **options)  # type: ignore[arg-type]
            watch(f"serve-{count}", made.log)
            stack.callback(made.stop)
            return made.start(listeners)

        yield start


# Under Wine each start of Python takes seconds: there by one host, but for ./dev test --all.
ONE = [IIS] if windows.NAME and not windows.HTTPD and not os.environ.get("TEST_ALL") else HOSTS


@pytest.fixture(scope="module", params=[host for host in ONE if host != QUIRKS])
def examples(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """The sites in examples, on each kind of host."""
    found = Examples(tmp_path_factory.mktemp("examples"), request.param, watch)
    with found.stack:
        yield found


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window."""
    made = browser.start(tmp_path_factory.mktemp("profile"))
    yield made
    made.quit()
