# SPDX-License-Identifier: Apache-2.0
"""The same requests give the same environ on Apache and on our host, but for what is stated."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Servers
from harness.client import Headers, build
from harness.site import APACHE, OURS, QUIRKS, Site

# What differs for every request, and why.
DIFFERENCES = {
    "SERVER_SOFTWARE": "each server names itself",
    "SERVER_PORT": "each listens on a port of its own",
    "REMOTE_PORT": "each connection has a port of its own",
    "HTTP_HOST": "Apache selects the site by it",
    "SERVER_NAME": "follows Host",
    "pyisapie.request_id": "is made for each request",
    "wsgi.multiprocess": "Apache does not tell how many processes it has: true is the safe answer",
    "wsgi.input": "an object whose address is shown",
    "wsgi.errors": "an object whose address is shown",
}

# A request, and the keys that may differ for it, and why.
REQUESTS: dict[str, tuple[str, str, Headers, bytes, dict[str, str]]] = {
    "plain": ("GET", "/environ_json", [], b"", {}),
    "path": ("GET", "/environ_json/a/b%20c/%C3%A9/%E9?x=%20y&z", [], b"", {}),
    "dots": ("GET", "/environ_json/a/../b/./c", [], b"", {}),
    "encoded-slash": ("GET", "/environ_json/a%2Fb%2fc", [], b"", {}),
    "slashes": (
        "GET",
        "/environ_json//a///b",
        [],
        b"",
        {"PATH_INFO": "httpd merges slashes (MergeSlashes)"},
    ),
    "odd-characters": ("GET", "/environ_json/;a=b,c:@!$'()*~-_.+", [], b"", {}),
    "query": ("GET", "/environ_json?a=b?c=/d&%zz", [], b"", {}),
    "head-less": ("DELETE", "/environ_json/x", [], b"", {}),
    "post": ("POST", "/environ_json", [("Content-Type", "text/x; y=z")], b"body", {}),
    "empty-post": ("POST", "/environ_json", [("Content-Length", "0")], b"", {}),
    "headers": (
        "GET",
        "/environ_json",
        [("Accept", "a/b;q=1, c/d"), ("X-Name", "v"), ("User-Agent", "me/1"), ("X-E", "")],
        b"",
        {},
    ),
    "cookies": ("GET", "/environ_json", [("Cookie", "a=1; b=2")], b"", {}),
    "authorization": ("GET", "/environ_json", [("Authorization", "Bearer x")], b"", {}),
    "repeated": (
        "GET",
        "/environ_json",
        [("X-Twice", "a"), ("X-Twice", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")],
        b"",
        {
            "HTTP_X_TWICE": 'httpd joins by ", ", we by ","',
            "HTTP_COOKIE": 'httpd joins cookies by ", ", too',
        },
    ),
    "underscores": ("GET", "/environ_json", [("X_Name", "bad"), ("Proxy", "bad")], b"", {}),
    "high-bytes": ("GET", "/environ_json", [("X-High", "\xe9\xff")], b"", {}),
    "close": ("GET", "/environ_json", [("Connection", "close")], b"", {}),
    "upgrade": (
        "GET",
        "/environ_json",
        [("Connection", "Upgrade"), ("Upgrade", "websocket")],
        b"",
        {},
    ),
    "forwarded": ("GET", "/environ_json", [("X-Forwarded-For", "192.0.2.1")], b"", {}),
    "range": ("GET", "/environ_json", [("Range", "bytes=0-1"), ("If-None-Match", '"x"')], b"", {}),
    "propfind": ("PROPFIND", "/environ_json", [("Depth", "1")], b"<x/>", {}),
    "te": ("GET", "/environ_json", [("TE", "trailers")], b"", {}),
}


def environ_of(site: Site, name: str) -> dict[str, Any]:
    """The environ that the application of a site sees."""
    method, target, headers, body, _ = REQUESTS[name]
    return site.request(method, target, headers, body).json()["environ"]


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys that differ, with both values."""
    keys = sorted(one.keys() | other.keys())
    pairs = {key: (one.get(key), other.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("name", list(REQUESTS))
@pytest.mark.parametrize("mine", [OURS, QUIRKS])
def test_same_environ(servers: Servers, mine: str, name: str) -> None:
    found = differing(
        environ_of(servers.site(mine, "apps"), name),
        environ_of(servers.site(APACHE, "apps"), name),
    )
    allowed = DIFFERENCES | REQUESTS[name][4]
    assert {key: pair for key, pair in found.items() if key not in allowed} == {}


@pytest.mark.parametrize("name", [name for name, request in REQUESTS.items() if request[4]])
def test_stated_differences_are_there(servers: Servers, name: str) -> None:
    """A statement that holds no longer must go."""
    found = differing(
        environ_of(servers.site(OURS, "apps"), name),
        environ_of(servers.site(APACHE, "apps"), name),
    )
    assert set(REQUESTS[name][4]) <= set(found)


def test_http_1_0(servers: Servers) -> None:
    found = []
    for server in (OURS, APACHE):
        site = servers.site(server, "apps")
        with site.client() as client:
            client.send(build("GET", "/environ_json", host=site.host, version="1.0"))
            found.append(client.response().json()["environ"])
    assert set(differing(*found)) <= set(DIFFERENCES)


@pytest.mark.parametrize(
    "target",
    [
        "/hello",
        "/status_any?line=404%20Gone%20fishing",
        "/status_any?line=500%20Mine",
        "/headers_repeated",
        "/body_forms?form=generator",
        "/exc_info_before",
        "/file_kinds?kind=real",
        "/status_bodiless?line=204&form=list",
    ],
)
def test_same_answers(servers: Servers, target: str) -> None:
    """Status, reason, body and the application's own headers."""
    answers = []
    for server in (OURS, QUIRKS, APACHE):
        response = servers.site(server, "apps").get(target)
        names = ("Content-Type", "Set-Cookie", "X-Test")
        own = {name: response.all(name) for name in names}
        answers.append((response.status, response.reason, response.body, own))
    assert answers[0] == answers[1] == answers[2]
