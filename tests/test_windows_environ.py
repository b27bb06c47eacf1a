# SPDX-License-Identifier: Apache-2.0
"""The same requests to pyisapie-host.exe and to httpd.exe: the environ that each application gets.

Whatever differs stands in a table here, with the reason; anything else that differs is a defect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Servers
from harness import windows
from harness.client import build
from harness.site import APACHE, OURS, Site

pytestmark = pytest.mark.skipif(
    not windows.HTTPD, reason="for ./dev test windows-httpd: it compares two hosts for Windows"
)

HOST = "apps.localhost"
ABSENT = "(absent)"
# What repr shows of an object's place in memory.
PLACE = re.compile(r" at 0x[0-9A-F]+")


@dataclass(frozen=True)
class Difference:
    """A variable that differs: patterns for the whole value on each host, and why that is right."""

    ours: str
    httpd: str
    why: str


Differences = dict[str, Difference]

ALWAYS: Differences = {
    "REMOTE_PORT": Difference(r"\d+", r"\d+", "each has a connection of its own"),
    "SERVER_PORT": Difference(
        r"\d{4,5}", "80", "ours tells where it listens; httpd takes it from Host, 80 without one"
    ),
    "SERVER_SOFTWARE": Difference(
        r"pyisapie/\S+", r"Apache/2\.4\.\d+ \(Win64\)", "each names itself"
    ),
    "pyisapie.request_id": Difference(
        "[0-9a-f]+-[0-9a-f]+", "[0-9a-f]+-[0-9a-f]+", "each request has another"
    ),
    "wsgi.multiprocess": Difference(
        "False", "True", "ours has one worker here; mod_isapi does not tell how many httpd has"
    ),
}


def port(number: str) -> Differences:
    """httpd's port, where the request names one."""
    return {"SERVER_PORT": Difference(r"\d{4,5}", number, "httpd takes it from the request")}


@dataclass(frozen=True)
class Row:
    """A request, and what differs with it beyond ALWAYS."""

    name: str
    request: bytes
    differences: Differences


def row(name: str, *args: Any, differs: Differences | None = None, **options: Any) -> Row:
    """A row by the arguments of client.build."""
    return Row(name, build(*args, **({"host": HOST} | options)), differs or {})


def path(sent: str, **differs: Difference) -> Row:
    """A row for a path below the application."""
    return row(sent, "GET", f"/environ_json{sent}?q", differs=differs)


ROWS = [
    row("plain", "GET", "/environ_json/a/b?c=d&e"),
    row("no-query", "GET", "/environ_json"),
    row("raw-query", "GET", "/environ_json?%C3%A9=%E9+b&/../?"),
    row("body", "POST", "/environ_json", [("Content-Type", "text/x; a=b")], b"body"),
    row("empty-body", "POST", "/environ_json", [("Content-Length", "0")]),
    row("expect", "POST", "/environ_json", [("Expect", "100-continue")], b"body"),
    *(row(m, m, "/environ_json") for m in ("PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND")),
    row(
        "fields",
        "GET",
        "/environ_json",
        [
            ("Accept", "text/html, */*;q=0.1"),
            ("Accept-Encoding", "gzip"),
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("Connection", "keep-alive, x-foo"),
            ("If-None-Match", '"x"'),
            ("Range", "bytes=0-1"),
            ("Referer", "http://a.example/?b#c"),
            ("TE", "trailers"),
            ("Upgrade", "h2c"),
            ("User-Agent", "test/1.0 (a; b)"),
            ("X-Empty", ""),
            ("X-Foo", "\u00e9\u00ff"),
            ("X-Forwarded-For", "192.0.2.1"),
        ],
    ),
    row(
        "unsafe-fields",
        "GET",
        "/environ_json",
        [
            ("Proxy", "http://evil.example"),
            ("X_Spoofed", "bad"),
            ("Remote-User", "root"),
            ("Script-Name", "/x"),
            ("Pyisapie-App", "evil:app"),
            ("Https", "on"),
            ("Auth-Type", "Basic"),
        ],
    ),
    row(
        "repeated-fields",
        "GET",
        "/environ_json",
        [("X-Two", "a"), ("X-Two", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")],
        differs={
            "HTTP_X_TWO": Difference("a,b", "a, b", "httpd joins with a space"),
            "HTTP_COOKIE": Difference("a=1; b=2", "a=1, b=2", "httpd joins them as other fields"),
        },
    ),
    row("http-1.0", "GET", "/environ_json", version="1.0"),
    row(
        "no-host",
        "GET",
        "/environ_json",
        host=None,
        version="1.0",
        differs={
            "SERVER_NAME": Difference(
                r"127\.0\.0\.1", HOST, "ours tells its address; httpd the ServerName of the site"
            )
        },
    ),
    row("host-with-port", "GET", "/environ_json", host=f"{HOST}:1234", differs=port("1234")),
    row(
        "host-in-capitals",
        "GET",
        "/environ_json",
        host="Apps.LocalHost",
        differs={
            "SERVER_NAME": Difference("Apps.LocalHost", HOST, "httpd makes it small for the search")
        },
    ),
    row("absolute-form", "GET", f"http://{HOST}/environ_json/x?y"),
    row("absolute-form-port", "GET", f"http://{HOST}:81/environ_json/x?y", differs=port("81")),
    # Paths. Names that mean something to Windows are names like others.
    path("/"),
    path("/a+b;c=d,e@f"),
    path("/%41%2d%7E"),
    path("/a%20b"),
    path("/%C3%A9"),
    path("/%E9"),
    path("/%F0%9F%98%80"),
    path("/%25zz"),
    path("/a%2Fb"),
    path("/x/../y/./z"),
    path("/x/%2e%2e/y"),
    path("/con"),
    path("/nul.txt"),
    path("/pyisapie.dll"),
    path("/PYISAP~1.DLL"),
    path("/a:b"),
    path("/x::$DATA"),
    path("/a*b"),
    path("/a%22b<c>d%7Ce"),
    path("/a%3Fb"),
    path("/x."),
    path("/x%20"),
    path("/x..%20./y"),
    path("/a%5Cb"),
    path("/a%01b"),
    path("/" + "n" * 300),
    path("//a///b", PATH_INFO=Difference("//a///b", "/a/b", "httpd merges slashes: MergeSlashes")),
    path(
        "/a\\b",
        PATH_INFO=Difference(
            r"/a\\b", "/a/b", 'on Windows, "\\" as it is, not encoded, is "/" to httpd'
        ),
    ),
]


def environ_of(site: Site, request: bytes) -> dict[str, str]:
    """What the application gets, as text."""
    with site.client() as client:
        client.send(request)
        response = client.response()
    assert response.status == 200, f"{site.server}: {response.status} {response.body[:500]!r}"
    environ = response.json()["environ"]
    return {key: PLACE.sub("", str(value)) for key, value in environ.items()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name[:40])
def test_environ_is_the_same_but_for_what_is_explained(servers: Servers, row: Row) -> None:
    ours = environ_of(servers.site(OURS, "apps"), row.request)
    httpd = environ_of(servers.site(APACHE, "apps"), row.request)
    explained = ALWAYS | row.differences
    for key in sorted(ours.keys() | httpd.keys() | explained.keys()):
        pair = ours.get(key, ABSENT), httpd.get(key, ABSENT)
        if key in explained:
            known = explained[key]
            assert re.fullmatch(known.ours, pair[0]), f"ours, {key}: {pair[0]!r} ({known.why})"
            assert re.fullmatch(known.httpd, pair[1]), f"httpd, {key}: {pair[1]!r} ({known.why})"
        else:
            assert pair[0] == pair[1], f"{key} differs, and nothing explains it"


# What one of the two does not let through to the application, or answers itself.
REFUSED = [
    ("X-Y /environ_json", 501, 200, "ours has a list of the methods that it takes"),
    ("TRACE /environ_json", 200, 200, "httpd answers it itself: TraceEnable"),
    ("OPTIONS *", 404, 200, "httpd answers it itself"),
    ("GET /environ_json/a%00b", 400, 404, "neither takes it"),
    ("GET /environ_json/%2e%2e%2fx", 404, 404, "neither leaves it to the application"),
    ("GET /environ_json/..%5Cx", 400, 404, 'on Windows "\\" is "/" to httpd; it leads to "/x"'),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_does_not_reach_the_application(
    servers: Servers, row: tuple[str, int, int, str]
) -> None:
    line, by_ours, by_httpd, why = row
    request = build(*line.split(" "), host=HOST)
    for server, status in (OURS, by_ours), (APACHE, by_httpd):
        with servers.site(server, "apps").client() as client:
            client.send(request)
            assert client.response().status == status, f"{server} ({why})"
