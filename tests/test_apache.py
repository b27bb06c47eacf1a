# SPDX-License-Identifier: Apache-2.0
"""Apache's own side: the sample configuration, several sites, life cycle.

What is the same on every host is in the test_wsgi_* files, which run on Apache, too.
"""

from __future__ import annotations

import re
import ssl
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import Servers
from harness import process, windows
from harness.client import Client, NoResponse, build
from harness.httpd import Httpd
from harness.paths import APPS
from harness.site import Site


def test_configuration_is_right(httpd: Httpd) -> None:
    status, said = httpd.check()
    assert status == 0
    assert "Syntax OK" in said


def test_check_starts_no_python(second: Httpd) -> None:
    """Row 15: the door is loaded and unloaded by `httpd -t`, in the parent and in the child."""
    status, said = second.check()
    assert status == 0, said
    assert second.process
    assert not second.has_python(second.process.pid), "Python must not start in the parent"
    assert second.site("first.localhost").get("/hello").status == 200
    assert all(map(second.has_python, second.workers()))


def test_several_sites_behind_one_door(httpd: Httpd) -> None:
    assert httpd.site("apps.localhost").get("/hello").body == b"Hello, world!\n"
    shop = httpd.site("shop.localhost").get("/any/where").json()
    other = httpd.site("apps.localhost").get("/process").json()
    assert shop["pid"] == other["pid"]
    assert httpd.site("mounted.localhost").get("/mounted/here/x").status == 200


def test_sites_do_not_mix(httpd: Httpd) -> None:
    with httpd.site("apps.localhost").client() as client:
        for _ in range(3):
            client.send(build("GET", "/hello", host="apps.localhost"))
            assert client.response().body == b"Hello, world!\n"
            client.send(build("GET", "/hello", host="shop.localhost"))
            assert "pid" in client.response().json()


def test_the_root_of_a_site(httpd: Httpd) -> None:
    """By AliasMatch and the setting script-name, and by Alias."""
    assert b"no application is mounted here" in httpd.site("apps.localhost").get("/").body
    for name in ("whole.localhost", "root.localhost"):
        for path in ("/", "/a"):
            environ = httpd.site(name).get(path).json()["environ"]
            assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", path), name


def test_a_site_without_an_application_gets_nobody_else_s(httpd: Httpd) -> None:
    assert httpd.site("apps.localhost").get("/hello").status == 200
    response = httpd.site("nothing.localhost").get("/hello")
    assert response.status == 500
    assert b"SetEnv" in response.body


def test_mount_point_of_apache(httpd: Httpd) -> None:
    site = httpd.site("mounted.localhost")
    environ = site.get("/mounted/here/a/b?c").json()["environ"]
    assert environ["SCRIPT_NAME"] == "/mounted/here"
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["REQUEST_URI"] == "/mounted/here/a/b?c"
    environ = site.get("/mounted/here").json()["environ"]
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/mounted/here", "")
    assert site.get("/mounted/hereafter").status in (403, 404), "that is no path of the site's"


# httpd for Windows, before it maps a path to a file: dots and spaces at the ends of names go, and
# "\\" becomes "/". What follows an Alias comes from that; AliasMatch leaves all as it is.
NAMES = [
    ("/x.", "/x"),
    ("/x%20", "/x"),
    ("/a./b", "/a/b"),
    ("/a%5Cb", "/a/b"),
    ("/x..%20/y", "/x/y"),
]


@pytest.mark.parametrize(("sent", "shortened"), NAMES)
def test_names_that_windows_changes(httpd: Httpd, sent: str, shortened: str) -> None:
    """However that is, the site begins where its Alias says."""
    whole = unquote(sent)
    aliased = shortened if windows.HTTPD else whole
    for site, mount, expected in [
        ("whole.localhost", "", whole),
        ("root.localhost", "", aliased),
        ("mounted.localhost", "/mounted/here", aliased),
    ]:
        environ = httpd.site(site).get(mount + sent).json()["environ"]
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (mount, expected), site
        assert environ["REQUEST_URI"] == mount + sent


def test_a_broken_site_beside_good_ones(httpd: Httpd) -> None:
    response = httpd.site("broken.localhost").get("/")
    assert response.status == 500
    assert b"no_such_module" in response.body
    assert httpd.site("apps.localhost").get("/hello").status == 200


def test_static_files_come_from_apache(httpd: Httpd) -> None:
    response = httpd.site("apps.localhost").get("/static/style.css")
    assert response.body == b"body { color: black }\n"
    assert response.header("Content-Type") == "text/css"
    assert response.header("ETag")
    assert httpd.site("apps.localhost").get("/static/gone.css").status == 404


def test_no_application_configured(second: Httpd) -> None:
    response = second.site("noapp.localhost").get("/")
    assert response.status == 500
    assert b"SetEnv PYISAPIE_APP" in response.body


def test_sites_have_logs_of_their_own(second: Httpd) -> None:
    folder = second.folder.parent  # SITE_STATIC
    (folder / "one.toml").write_text('app = "log_print:app"\nlog = "one.log"\n')
    (folder / "pyisapie.toml").write_text('app = "two:app"\nlog = "two.log"\n')
    (folder / "two.py").write_text((APPS / "log_print.py").read_text())
    (folder / "tools.py").write_text((APPS / "tools.py").read_text())
    for name in ("one.log", "two.log"):  # httpd's children may have another account
        (folder / name).touch()
        (folder / name).chmod(0o666)
    ids = {}
    for name in ("first", "log-one", "log-two"):  # the settings of the process are the first's
        path = "/log_print" if name == "first" else "/"
        ids[name] = second.site(f"{name}.localhost").get(path).body.decode()
    second.log.wait(re.escape(ids["first"]))
    one, two = (folder / "one.log").read_text(), (folder / "two.log").read_text()
    for name, text in (("first", second.log.text()), ("log-one", one), ("log-two", two)):
        assert f"[{ids[name]}] printed-out" in text
        assert f"[{ids[name]}] printed-err" in text
        assert not [other for other in ids if other != name and ids[other] in text]


def test_tls(second: Httpd) -> None:
    if windows.HTTPD:
        pytest.skip("httpd for Windows is built without OpenSSL: it has no mod_ssl")
    if "TEST_TLS" not in second.defines:
        pytest.skip("there is no openssl to make a certificate with")
    host, _, port = second.defines["TEST_TLS"].partition(":")
    context = ssl.create_default_context(cafile=second.defines["TEST_CERTIFICATE"])
    with Client((host, int(port)), host="tls.localhost") as client:
        client.socket = context.wrap_socket(client.socket, server_hostname="tls.localhost")
        environ = client.get("/x?y").json()["environ"]
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTPS"] == "on"
    assert environ["SERVER_PORT"] in (port, "443"), "httpd takes it from Host"
    assert (
        second.site("first.localhost").get("/environ_json").json()["environ"].get("HTTPS") is None
    )


def test_log_goes_to_the_error_log(apache: Site) -> None:
    since = apache.log.mark()
    apache.get("/log_print")
    assert "printed-out" in apache.log.wait_entry("printed-out", since).text


def test_python_runs_in_one_child(httpd: Httpd) -> None:
    site = httpd.site("apps.localhost")
    pids = {site.get("/process").json()["pid"] for _ in range(20)}
    if windows.HTTPD:  # its processes have numbers of their own there
        (parent,) = (httpd.folder / "httpd.pid").read_text().split()
        assert len(pids) == len(httpd.workers()) == 1
        assert int(parent) not in pids
    else:
        assert pids == set(httpd.workers())


def test_requests_run_at_the_same_time(apache: Site) -> None:
    clients = [apache.client() for _ in range(4)]
    for client in clients:
        client.start("GET", "/together?name=apache&n=4")
    for client in clients:
        assert client.response().body == b"together"
        client.close()


# ---- life cycle


def test_a_child_that_dies_is_replaced(second: Httpd) -> None:
    site = second.site("readahead.localhost")
    (before,) = second.workers()
    with pytest.raises((NoResponse, ConnectionError)):
        site.get("/killed")
    process.eventually(lambda: second.workers() not in ([], [before]), "there is a new child")
    process.eventually(lambda: site.get("/hello").status == 200, "it answers")


def test_graceful_restart(second: Httpd) -> None:
    site = second.site("readahead.localhost")
    assert site.get("/hello").status == 200
    since, before = site.log.mark(), second.workers()
    second.restart()
    process.eventually(lambda: not set(before) & set(second.workers()), "the children are new")
    process.eventually(lambda: site.get("/hello").status == 200, "they answer")
    assert "exit signal" not in site.log.text(since)


def test_it_stops_in_time(servers: Servers, tmp_path: Path) -> None:
    servers.httpd()
    defines = {
        "SITE_NAME": "s.localhost",
        "SITE_APP": "hello:app",
        "SITE_ROOT": windows.native(APPS),
    }
    httpd = Httpd(tmp_path / "httpd", defines | {"SITE_STATIC": windows.native(tmp_path)})
    with httpd:
        assert httpd.site("s.localhost").get("/").status == 200
        workers = httpd.workers()
        # httpd's event MPM can crash by itself when it is told to stop while a thread of its closes
        # a connection: it looks at that socket (apr_os_sock_get) without a lock.
        time.sleep(0.5)
        begin = time.monotonic()
        assert httpd.stop() == 0
        assert windows.HTTPD or time.monotonic() - begin < 5  # Wine takes as long as it takes
    process.eventually(lambda: not any(map(process.is_alive, workers)), "the child has ended")
    assert "exit signal" not in httpd.log.text()
    assert "Forcing termination" not in httpd.log.text(), "httpd for Windows had to end the child"
