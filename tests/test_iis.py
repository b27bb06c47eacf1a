# SPDX-License-Identifier: Apache-2.0
"""What the extension does on IIS, as far as our host can play it (``--quirks iis``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness import process, windows
from harness.client import NoResponse
from harness.paths import APPS, host_program, package
from harness.serve import Serve
from harness.site import IIS, Site, query
from test_wsgi_file import CONTENT

POSTED = bytes(range(256)) * 1024


@pytest.fixture
def iis(request: pytest.FixtureRequest) -> Site:
    """The tiny applications on our host as IIS."""
    servers = request.getfixturevalue("servers")
    site: Site = servers.site(IIS, "apps")
    return site


@dataclass
class Asked:
    """A request, and what a whole answer to it holds."""

    method: str
    target: str
    expected: bytes
    body: bytes = b""


ASKED = [
    Asked("GET", "/hello", b"Hello, world!\n"),
    Asked("POST", "/input_digest", hashlib.sha256(POSTED).hexdigest().encode(), POSTED),
    Asked("POST", "/input_echo", POSTED, POSTED),
    Asked("GET", "/file_kinds?kind=file", CONTENT),
    Asked("GET", "/body_huge?mib=1", bytes(range(256)) * 4096),
    Asked("GET", "/body_huge?mib=1&length", bytes(range(256)) * 4096),
    Asked("GET", "/body_raises?where=first", b""),
]


def _outcome(site: Site, asked: Asked, seed: int) -> str:
    """ "whole", "broken" (the client sees that something is missing) or "nothing"."""
    try:
        with site.client() as client:
            client.start(asked.method, asked.target, [("X-IIS-Faults", str(seed))], asked.body)
            response = client.response(asked.method)
    except (NoResponse, ConnectionError):
        return "nothing"
    if not response.complete:
        return "broken"
    assert response.status in (200, 500)
    assert response.status == 500 or asked.expected in response.body
    return "whole"


def _suffer(site: Site, seeds: range) -> dict[str, int]:
    assert site.get("/hello").status == 200  # the worker is there
    before = site.workers()
    found = {"whole": 0, "broken": 0, "nothing": 0}
    for seed in seeds:
        found[_outcome(site, ASKED[seed % len(ASKED)], seed)] += 1
    assert site.get("/hello").body == b"Hello, world!\n"
    assert site.workers() == before  # none has ended: not by a crash, nor by a breach of contract
    return found


def test_misfortune_costs_the_request_only(iis: Site) -> None:
    found = _suffer(iis, range(1, 400))
    assert all(found.values()), found


@pytest.mark.long
def test_misfortune_of_many_kinds(iis: Site) -> None:
    found = _suffer(iis, range(1000, 11_000))
    assert all(found.values()), found


# ---- the server's own answer ----


def test_a_file_of_the_server(iis: Site) -> None:
    response = iis.get("/iis?do=pass_on&url=/hello.py")
    assert response.status == 200
    assert response.body == (APPS / "hello.py").read_bytes()


def test_no_file_of_the_server(iis: Site) -> None:
    assert iis.get("/iis?do=pass_on&url=/none.png").status == 404
    assert iis.get("/iis?do=pass_on").status == 404


@pytest.mark.parametrize(
    "url", ["none.png", "http://other/", "/a%0D%0Ab:%20c", "/%00", "/a%20b", "/gr%C3%BCn"]
)
def test_no_url_for_the_server(iis: Site, url: str) -> None:
    assert b"ValueError: the URL must begin" in iis.get(f"/iis?do=pass_on&url={url}").body


def test_elsewhere_no_request_is_taken_back(ours: Site) -> None:
    assert json.loads(ours.get("/iis?do=pass_on").body) == (
        "NotImplementedError: this web server cannot take a request back"
    )


# ---- variables ----


def _environ(site: Site, *variables: str, path: str = "/environ_json") -> dict[str, str]:
    value = "; ".join(variables).encode().decode("latin-1")
    environ: dict[str, str] = json.loads(site.get(path, [("X-IIS-Set", value)]).body)["environ"]
    return environ


def test_users_have_names_in_any_script(iis: Site) -> None:
    environ = _environ(iis, "REMOTE_USER=HOME\\müller", "LOGON_USER=HOME\\müller",
                       "AUTH_TYPE=Negotiate")  # fmt: skip
    assert environ["REMOTE_USER"].encode("latin-1").decode() == "HOME\\müller"
    assert environ["LOGON_USER"].encode("latin-1").decode() == "HOME\\müller"
    assert environ["AUTH_TYPE"] == "Negotiate"


def test_nobody_has_no_name(iis: Site) -> None:
    environ = _environ(iis)
    assert not {"REMOTE_USER", "LOGON_USER", "AUTH_TYPE"} & environ.keys()


def test_client_certificate(iis: Site) -> None:
    environ = _environ(iis, "HTTPS=on", "CERT_FLAGS=1", "CERT_SUBJECT=CN=Ann", "HTTPS_KEYSIZE=256")
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["CERT_FLAGS"] == "1"
    assert environ["CERT_SUBJECT"] == "CN=Ann"
    assert environ["HTTPS_KEYSIZE"] == "256"


def test_certificates_of_plain_connections_are_not_believed(iis: Site) -> None:
    assert "CERT_SUBJECT" not in _environ(iis, "CERT_SUBJECT=CN=Ann")


# ---- several applications ----


def _pool(tmp_path: Path, folders: str, **env: str) -> Serve:
    """pyisapie-host, which leaves the settings files to the extension."""
    program = [] if windows.NAME else [host_program(), "--door", package() / "pyisapie.so"]
    return Serve(tmp_path / "serve", "", "--quirks", "iis", "--applications", folders, root=None,
                 program=program, env=env)  # fmt: skip


def test_applications_have_folders_of_their_own(tmp_path: Path) -> None:
    for name, setting in (("root", "who:first"), ("grüße", "who_else:second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyisapie.toml").write_text(f'app = "{setting}"\n')
    template = """
def {name}(environ, start_response):
    start_response("200 OK", [])
    return ["{name} {{SCRIPT_NAME}} {{PATH_INFO}}".format(**environ).encode()]
"""
    (tmp_path / "root" / "who.py").write_text(template.format(name="first"))
    (tmp_path / "grüße" / "who_else.py").write_text(template.format(name="second"))
    folders = f"/={windows.native(tmp_path / 'root')},/shop={windows.native(tmp_path / 'grüße')}"
    with _pool(tmp_path, folders) as serve:
        site = serve.site()
        assert site.get("/a/b").body == b"first  /a/b"
        assert site.get("/shop").body == b"second /shop "
        assert site.get("/Shop/x%20y").body == b"second /Shop /x y"
        assert site.get("/shopping").body == b"first  /shopping"


def test_an_application_has_any_name(tmp_path: Path) -> None:
    (tmp_path / "pyisapie.toml").write_text('app = "split:app"\n')
    (tmp_path / "split.py").write_text("""
def app(environ, start_response):
    start_response("200 OK", [])
    return ["{SCRIPT_NAME} {PATH_INFO}".format(**environ).encode("latin-1")]
""")
    with _pool(tmp_path, f"/grün={windows.native(tmp_path)}") as serve:
        assert serve.site().get("/gr%C3%BCn/x").body == "/grün /x".encode()


def _with_file(tmp_path: Path, text: str) -> Serve:
    root = tmp_path / "site"
    root.mkdir()
    (root / "pyisapie.toml").write_text(text)
    (root / "site_app.py").write_text((APPS / "environ_json.py").read_text())
    (root / "tools.py").write_text((APPS / "tools.py").read_text())
    return _pool(tmp_path, f"/={windows.native(root)}")


def test_the_file_of_the_first_application_has_settings_of_the_process(tmp_path: Path) -> None:
    log = tmp_path / "own.log"
    text = (
        f"app = 'site_app:app'\nlog = '{windows.native(log)}'\nthreads = 1\nlog-level = 'debug'\n"
    )
    with _with_file(tmp_path, text) as serve:
        environ = json.loads(serve.site().get("/").body)["environ"]
        assert environ["wsgi.multithread"] is False
        assert log.exists()


def test_a_wrong_settings_file_is_shown(tmp_path: Path) -> None:
    with _with_file(tmp_path, "app = 'site_app:app'\nthraeds = 1\n") as serve:
        response = serve.site().get("/")
        assert response.status == 500
        assert b"thraeds" in response.body
        assert b"threads" in response.body


# ---- paths ----


def test_a_backslash_separates_names(iis: Site) -> None:
    for sent in (
        "/environ_json/x%5C..%5Cy",
        "/environ_json/x\\..\\y",
        "/hello%5C..%5Cenviron_json/y",
    ):
        environ = json.loads(iis.get(sent).body)["environ"]
        assert environ["PATH_INFO"] == "/y"
        assert environ["REQUEST_URI"] == sent


# ---- a log for each ----

TALKATIVE = """
import sys
print("{name} is imported")


def app(environ, start_response):
    print("{name} prints")
    environ["wsgi.errors"].write("{name} complains\\n")
    if environ["QUERY_STRING"] == "fail":
        raise ValueError("{name} fails")
    start_response("200 OK", [("Content-Length", "1"), ("X-Id", environ["pyisapie.request_id"])])
    return [b"too much"]
"""


def _talkative(tmp_path: Path, **logs: str) -> str:
    """Applications with these lines in their settings files, as a setting of our host."""
    folders = []
    for name, text in logs.items():
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / f"{name}_app.py").write_text(TALKATIVE.format(name=name))
        (folder / "pyisapie.toml").write_text(f'app = "{name}_app:app"\n{text}\n')
        folders.append(f"/{'' if name == 'root' else name}={windows.native(folder)}")
    return ",".join(folders)


def _said_of(name: str) -> list[str]:
    return [f"{name} is imported", f"{name} prints", f"{name} complains", f"{name} fails",
            "more than its Content-Length"]  # fmt: skip


def test_each_application_has_a_log_of_its_own(tmp_path: Path) -> None:
    folders = _talkative(tmp_path, root="", shop="log = 'shop.log'", blog="log = '../blog.log'")
    with _pool(tmp_path, folders) as serve:
        site = serve.site()
        for mount in ("", "/shop", "/blog", "/shop"):
            assert site.get(f"{mount}/?fail").status == 500
            asked = site.get(f"{mount}/").header("X-Id")
        serve.log.wait("root complains")
    logs = {"root": serve.log.path, "shop": tmp_path / "shop" / "shop.log",
            "blog": tmp_path / "blog.log"}  # fmt: skip
    for name, path in logs.items():
        text = path.read_text("utf-8")
        for other in logs:
            for said in _said_of(other)[:-1]:
                assert (said in text) is (name == other), (name, said)
        assert "sent more than its Content-Length" in text
        assert text.count("is imported") == 1
        assert (str(asked) in text) is (name == "shop")


def test_applications_that_name_one_file_share_it(tmp_path: Path) -> None:
    """Its size is counted once, and nothing of it is lost when it is full."""
    setting = "log-size = '64K'\nlog-keep = 20\nlog = "
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    (tmp_path / "logs").mkdir()
    folders = _talkative(tmp_path, root="", shop=f"{setting}'../logs/both.log'",
                         blog=f"{setting}'../link/both.log'")  # fmt: skip
    with _pool(tmp_path, folders) as serve:
        site = serve.site()
        site.get("/")  # whose log is the process's
        for _ in range(200):
            site.get("/shop/?fail")
            site.get("/blog/?fail")
    files = list((tmp_path / "logs").glob("both.log*"))
    text = "".join(file.read_text("utf-8") for file in files)
    assert 3 <= len(files) <= 15
    assert all(file.stat().st_size < 2 * 64 * 1024 for file in files)
    assert text.count("shop prints") == text.count("blog prints") == 200


def test_an_application_whose_log_cannot_be_written(tmp_path: Path) -> None:
    folders = _talkative(tmp_path, root="", shop="log = 'no/such/folder.log'")
    with _pool(tmp_path, folders) as serve:
        site = serve.site()
        assert site.get("/").status == 200
        response = site.get("/shop/")
        assert response.status == 500
        assert b"cannot write the log file" in response.body
        assert b"setting: log" in response.body
        (tmp_path / "shop" / "pyisapie.toml").write_text("app = 'shop_app:app'\nlog = 'mended.log'")
        process.eventually(lambda: site.get("/shop/").status == 200, "it is loaded once more")
    assert "shop prints" in (tmp_path / "shop" / "mended.log").read_text()


def test_an_application_that_does_not_start_says_so_in_its_log(tmp_path: Path) -> None:
    folders = _talkative(tmp_path, root="", shop="log = 'shop.log'\nlog-level = 'error'")
    (tmp_path / "shop" / "shop_app.py").write_text("print('unheard')\nof = no_such_name\n")
    with _pool(tmp_path, folders) as serve:
        assert serve.site().get("/").status == 200
        assert serve.site().get("/shop/").status == 500
    text = (tmp_path / "shop" / "shop.log").read_text()
    assert "raised NameError when it was imported" in text
    assert "no_such_name" in text
    assert "unheard" not in text
    assert "NameError" not in serve.log.text()


def test_a_log_that_a_variable_names_is_for_all(tmp_path: Path) -> None:
    folders = _talkative(tmp_path, root="log = 'root.log'", shop="log = 'shop.log'")
    serve = _pool(tmp_path, folders, PYISAPIE_LOG=windows.native(tmp_path / "all.log"))
    serve.log.path = tmp_path / "all.log"
    with serve:
        assert serve.site().get("/shop/").status == 200
        assert serve.site().get("/").status == 200
    assert "shop prints" in serve.log.text()
    assert "root prints" in serve.log.text()
    assert not [*tmp_path.glob("shop/*.log"), *tmp_path.glob("root/*.log")]


# ---- who asks ----

only_windows = pytest.mark.skipif(not windows.NAME, reason="only Windows has tokens")
NO_TOKEN = "OSError: the web server gives no token of the user: only IIS does"


def _do(site: Site, what: str) -> Any:
    return json.loads(site.get("/iis" + query(do=what)).body)


@only_windows
def test_an_application_acts_as_the_pool(iis: Site) -> None:
    assert "\\" in _do(iis, "whoami")
    assert _do(iis, "has_token") is False


@only_windows
def test_impersonate_ends_with_its_block(iis: Site) -> None:
    assert _do(iis, "token") > 0
    assert _do(iis, "impersonate") == [False, True, False]


@only_windows
def test_impersonate_ends_with_the_request(iis: Site) -> None:
    mark = iis.log.mark()
    for _ in range(50):
        assert _do(iis, "forget") is True
        assert _do(iis, "has_token") is False
    assert "has not ended pyisapie.windows.impersonate" in iis.log.text(mark)


@only_windows
def test_the_setting_impersonate(serve: Callable[..., Serve]) -> None:
    env = {
        "PYISAPIE_APP": "iis:app",
        "PYISAPIE_ROOT": windows.native(APPS),
        "PYISAPIE_IMPERSONATE": "on",
    }
    site = serve("iis:app", "--quirks", "iis", env=env).site()
    assert json.loads(site.get("/?do=has_token").body) is True


def test_elsewhere_there_are_no_tokens(ours: Site) -> None:
    assert _do(ours, "impersonate") == NO_TOKEN


def test_the_setting_impersonate_needs_tokens(serve: Callable[..., Serve]) -> None:
    response = serve("hello:app", env={"PYISAPIE_IMPERSONATE": "on"}).site().get("/")
    assert response.status == 500
    assert b"impersonate" in response.body
