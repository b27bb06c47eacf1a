# SPDX-License-Identifier: Apache-2.0
"""The environ of PEP 3333, on every host."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from harness import windows
from harness.client import build
from harness.serve import Serve
from harness.site import IIS, Site

REQUIRED = {
    "REQUEST_METHOD": str,
    "SCRIPT_NAME": str,
    "PATH_INFO": str,
    "QUERY_STRING": str,
    "SERVER_NAME": str,
    "SERVER_PORT": str,
    "SERVER_PROTOCOL": str,
    "wsgi.url_scheme": str,
    "wsgi.multithread": bool,
    "wsgi.multiprocess": bool,
    "wsgi.run_once": bool,
}


def environ_of(site: Site, target: str = "", *headers: tuple[str, str]) -> dict[str, Any]:
    """The environ of a GET request."""
    return site.get("/environ_json" + target, headers).json()["environ"]


def test_is_a_real_dict_with_text_keys(apps: Site) -> None:
    result = apps.get("/environ_json").json()
    assert result["type"] == "dict"
    assert result["keys"] == ["str"]


def test_has_all_required_keys(apps: Site) -> None:
    environ = environ_of(apps)
    for key, kind in REQUIRED.items():
        assert type(environ[key]) is kind, key
    assert environ["wsgi.version"] == ["tuple", "(1, 0)"]
    assert environ["wsgi.input"][0] == "Input"
    assert environ["wsgi.errors"][0] == "LogStream"
    assert environ["wsgi.file_wrapper"][0] == "type"


def test_values_of_a_plain_request(apps: Site) -> None:
    environ = environ_of(apps, "/a/b?c=d&e")
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == "/environ_json"
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["QUERY_STRING"] == "c=d&e"
    assert environ["REQUEST_URI"] == "/environ_json/a/b?c=d&e"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.input_terminated"] is True
    assert environ["HTTP_HOST"] == apps.host
    assert "HTTPS" not in environ
    assert environ["SERVER_SOFTWARE"]


def test_mode_is_told_truly(apps: Site) -> None:
    environ = environ_of(apps)
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.multiprocess"] is apps.like_apache  # httpd does not tell


def test_request_ids_differ(apps: Site) -> None:
    ids = {environ_of(apps)["pyisapie.request_id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"[0-9a-f]+-[0-9a-f]+", one) for one in ids)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_methods(apps: Site, method: str) -> None:
    response = apps.request(method, "/environ_json")
    assert response.json()["environ"]["REQUEST_METHOD"] == method


def test_peers(apps: Site) -> None:
    with apps.client() as client:
        environ = client.get("/environ_json").json()["environ"]
        address, port = client.socket.getsockname()
    assert environ["REMOTE_ADDR"] == address
    assert environ["REMOTE_PORT"] == str(port)
    assert "REMOTE_USER" not in environ
    assert "AUTH_TYPE" not in environ


def test_server_name_and_port(apps: Site) -> None:
    environ = environ_of(apps, "", ("Host", f"{apps.host}:1234"))
    assert environ["SERVER_NAME"] == apps.host
    assert environ["HTTP_HOST"] == f"{apps.host}:1234"
    plain = environ_of(apps)
    assert plain["SERVER_PORT"].isdigit()


PATHS = [
    ("/", "/"),
    ("", ""),
    ("/%41%2d%7E", "/A-~"),
    ("/a%20b", "/a b"),
    ("/a+b", "/a+b"),
    ("/%C3%A9", "/Ã©"),  # UTF-8 bytes, as latin-1
    ("/%E9", "/é"),  # a byte that is not UTF-8
    ("/%3Fq%23", "/?q#"),
    ("/%25zz", "/%zz"),
    ("/a;b=c,d:e@f", "/a;b=c,d:e@f"),
    ("/trailing/", "/trailing/"),
]


@pytest.mark.parametrize(("sent", "expected"), PATHS)
def test_path_is_decoded_once_to_latin_1(apps: Site, sent: str, expected: str) -> None:
    if apps.server == IIS and sent == "/%E9":
        expected = "/Ã©"  # IIS tells the path in UTF-16 only: as text, not as bytes
    environ = environ_of(apps, sent)
    assert environ["PATH_INFO"] == expected
    assert environ["SCRIPT_NAME"] == "/environ_json"
    assert environ["REQUEST_URI"] == "/environ_json" + sent


def test_encoded_slash(apps: Site) -> None:
    environ = environ_of(apps, "/a%2Fb")
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["REQUEST_URI"] == "/environ_json/a%2Fb"


@pytest.mark.parametrize("sent", ["/x/../y", "/./y", "/x/%2e%2e/y"])
def test_dot_segments_are_resolved(apps: Site, sent: str) -> None:
    environ = environ_of(apps, sent)
    assert environ["PATH_INFO"] == "/y"
    assert environ["REQUEST_URI"] == "/environ_json" + sent


def test_dot_segments_do_not_leave_the_mount(apps: Site) -> None:
    response = apps.get("/environ_json/../../../hello")
    assert response.status in (200, 400)
    if response.status == 200:
        assert response.body == b"Hello, world!\n"


@pytest.mark.parametrize("query", ["", "?", "?a=%20+b", "?%C3%A9=%E9", "?a=/../b", "?x?y"])
def test_query_is_raw(apps: Site, query: str) -> None:
    assert environ_of(apps, query)["QUERY_STRING"] == query[1:]


def test_bytes_beyond_ascii_in_the_query(ours: Site) -> None:
    with ours.client() as client:
        response = client.get("/environ_json?\u00e9=\u00ff")
    if response.status != 400:
        assert response.json()["environ"]["QUERY_STRING"] == "\u00e9=\u00ff"


def test_script_name(serve: Callable[..., Serve]) -> None:
    """A proxy hands on the whole path of a site that is mounted there."""
    server = serve("environ_json:app", "--script-name", "/site")
    for path, script, rest in [
        ("/site/a%20b", "/site", "/a b"),
        ("/site", "/site", ""),
        ("/sites/a", "", "/sites/a"),
    ]:
        with server.client() as client:
            environ = client.get(path).json()["environ"]
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, rest)
        assert environ["REQUEST_URI"] == path


def test_mount_takes_whole_segments_only(apps: Site) -> None:
    assert apps.get("/hello/x").body == b"Hello, world!\n"
    response = apps.get("/hellox")
    assert response.status == 404
    assert b"no application is mounted here" in response.body


def test_mounts_are_case_sensitive(apps: Site) -> None:
    assert apps.get("/HELLO").status == 404


def test_headers_become_variables(apps: Site) -> None:
    environ = environ_of(apps, "", ("X-Some-Name", "v"), ("x-lower", "w"), ("Accept", "a/b, c"))
    assert environ["HTTP_X_SOME_NAME"] == "v"
    assert environ["HTTP_X_LOWER"] == "w"
    assert environ["HTTP_ACCEPT"] == "a/b, c"


def test_header_values_are_latin_1_and_trimmed(apps: Site) -> None:
    raw = build("GET", "/environ_json", [("X-Bytes", "\u00e9\u00ff")], host=apps.host)
    raw = raw.replace(b"X-Bytes: ", b"X-Bytes: \t ").replace(b"\xff\r\n", b"\xff \t\r\n")
    with apps.client() as client:
        client.send(raw)
        environ = client.response().json()["environ"]
    assert environ["HTTP_X_BYTES"] == "\u00e9\u00ff"


def test_empty_header_is_kept(apps: Site) -> None:
    assert environ_of(apps, "", ("X-Empty", ""))["HTTP_X_EMPTY"] == ""


def test_repeated_headers_are_joined(apps: Site) -> None:
    environ = environ_of(apps, "", ("X-Twice", "a"), ("X-Other", "o"), ("X-Twice", "b"))
    assert environ["HTTP_X_TWICE"].replace(" ", "") == "a,b"
    if not apps.is_apache:  # httpd joins them itself, with ", "
        assert environ["HTTP_X_TWICE"] == "a,b"


def test_repeated_cookies_are_joined_by_semicolon(apps: Site) -> None:
    environ = environ_of(apps, "", ("Cookie", "a=1"), ("Cookie", "b=2"))
    if apps.is_apache:  # httpd joins all fields with ", " before anybody sees them
        assert environ["HTTP_COOKIE"] == "a=1, b=2"
    else:
        assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_names_with_underscores_are_dropped(apps: Site) -> None:
    environ = environ_of(apps, "", ("X_Spoofed", "bad"), ("X-Spoofed", "good"), ("X_Only", "bad"))
    assert environ["HTTP_X_SPOOFED"] == "good"
    assert "HTTP_X_ONLY" not in environ


@pytest.mark.parametrize("name", ["Proxy", "PROXY", "proxy"])
def test_proxy_is_dropped(apps: Site, name: str) -> None:
    assert "HTTP_PROXY" not in environ_of(apps, "", (name, "http://evil.example"))


def test_clients_cannot_set_variables_of_their_own(apps: Site) -> None:
    names = [("Remote-User", "root"), ("Script-Name", "/x"), ("Pyisapie-App", "evil:app")]
    environ = environ_of(apps, "", *names, ("Https", "on"), ("Auth-Type", "Basic"))
    assert environ["HTTP_REMOTE_USER"] == "root"
    assert "REMOTE_USER" not in environ
    assert environ["SCRIPT_NAME"] == "/environ_json"
    assert environ["wsgi.url_scheme"] == "http"
    assert "AUTH_TYPE" not in environ


def test_content_type_and_length_have_keys_of_their_own(apps: Site) -> None:
    response = apps.post("/environ_json", b"12345", [("Content-Type", "text/x; a=b")])
    environ = response.json()["environ"]
    assert environ["CONTENT_TYPE"] == "text/x; a=b"
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ


def test_no_content_keys_without_a_body(apps: Site) -> None:
    environ = environ_of(apps)
    assert environ.get("CONTENT_LENGTH", "0") in ("", "0")
    assert environ.get("CONTENT_TYPE", "") == ""


def test_content_length_of_zero(apps: Site) -> None:
    response = apps.request("POST", "/environ_json", [("Content-Length", "0")])
    assert response.json()["environ"]["CONTENT_LENGTH"] == "0"


def test_authorization_reaches_the_application(apps: Site) -> None:
    value = "Basic dXNlcjpwYXNz"
    assert environ_of(apps, "", ("Authorization", value))["HTTP_AUTHORIZATION"] == value


def test_http_1_0(apps: Site) -> None:
    with apps.client() as client:
        client.send(build("GET", "/environ_json", host=apps.host, version="1.0"))
        response = client.response()
    assert response.json()["environ"]["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_absolute_form(apps: Site) -> None:
    with apps.client() as client:
        client.send(
            b"GET http://%s/environ_json/x?y HTTP/1.1\r\nHost: %s\r\n\r\n"
            % (apps.host.encode(), apps.host.encode())
        )
        environ = client.response().json()["environ"]
    assert environ["PATH_INFO"] == "/x"
    assert environ["QUERY_STRING"] == "y"
    assert environ["HTTP_HOST"] == apps.host


def test_authority_of_absolute_form_replaces_host(ours: Site) -> None:
    with ours.client() as client:
        client.send(b"GET http://real.example:81/environ_json HTTP/1.1\r\nHost: other\r\n\r\n")
        environ = client.response().json()["environ"]
    assert environ["HTTP_HOST"] == "real.example:81"
    assert environ["SERVER_NAME"] == "real.example"


def test_changes_do_not_reach_the_next_request(apps: Site) -> None:
    for _ in range(3):
        assert apps.get("/environ_changed").json() == {"mark": None, "version": [1, 0]}


def test_context_variables_do_not_reach_the_next_request(apps: Site) -> None:
    with apps.client() as client:
        assert [client.get("/context").json() for _ in range(5)] == ["unset"] * 5


def test_many_and_long_headers(apps: Site) -> None:
    many = [(f"X-Number-{n}", str(n)) for n in range(80)]
    environ = environ_of(apps, "", *many, ("X-Long", "v" * 4000))
    assert [environ[f"HTTP_X_NUMBER_{n}"] for n in range(80)] == [str(n) for n in range(80)]
    assert environ["HTTP_X_LONG"] == "v" * 4000


@pytest.mark.skipif(not windows.NAME, reason="for the Windows binaries: home is an installation")
def test_python_is_the_one_of_the_setting_home(apps: Site) -> None:
    found = apps.get("/python").json()
    assert found["prefix"] == found["base_prefix"] == windows.path(windows.python())


@pytest.mark.skipif(bool(windows.NAME), reason="the test before this one is the one for Windows")
def test_python_is_the_one_of_the_environment(apps: Site) -> None:
    import sys

    found = apps.get("/python").json()
    assert found["version"] == list(sys.version_info[:3])
    assert found["prefix"] == sys.prefix
    assert found["base_prefix"] == sys.base_prefix
    theirs = [place for place in sys.path if "site-packages" in place]
    assert set(theirs) <= set(found["path"])


def test_standard_library_works(apps: Site) -> None:
    found = apps.get("/standard_library").json()
    assert found["asyncio"] == "awaited"
    assert found["sqlite3"] == 42
    assert found["ssl"] == "CERT_REQUIRED"
    assert found["decimal"] == "0.3"
    assert found["zlib"] == "zlib"


def test_programs_can_be_started(apps: Site) -> None:
    assert apps.get("/subprocesses").json() == [0, "42"]
