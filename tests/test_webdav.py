# SPDX-License-Identifier: Apache-2.0
"""WsgiDAV: methods, headers and bodies beyond those of browsers, on every host."""

from __future__ import annotations

import random
import time
from base64 import b64encode
from urllib.parse import quote

import pytest
from harness.client import Headers, Response
from harness.site import Site

pytest.importorskip("wsgidav", reason="WsgiDAV is not installed (tests/requirements.txt)")

AUTH = ("Authorization", "Basic " + b64encode(b"user:secret").decode())
LOCK = b"""<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>"""
XML = ("Content-Type", "text/xml")


def dav(site: Site, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
    """One request of the user."""
    return site.request(method, "/dav" + quote(path), [AUTH, *headers], body)


@pytest.fixture
def folder(real: Site) -> str:
    """A new folder."""
    path = f"/folder-{time.monotonic_ns()}"
    assert dav(real, "MKCOL", path).status == 201
    return path


def test_password_is_asked_for(real: Site) -> None:
    response = real.request("PROPFIND", "/dav/")
    assert response.status == 401
    assert response.header("WWW-Authenticate")


def test_options(real: Site) -> None:
    response = dav(real, "OPTIONS", "/")
    assert "1" in (response.header("DAV") or "")
    assert "PROPFIND" in (response.header("Allow") or "")


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_put_and_get(real: Site, folder: str, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = f"{folder}/größe {size}.bin"
    length = [("Content-Length", "0")] if not size else []
    assert dav(real, "PUT", path, length, content).status == 201
    response = dav(real, "GET", path)
    assert response.body == content
    assert response.complete
    assert dav(real, "PUT", path, length, content).status == 204


def test_range(real: Site, folder: str) -> None:
    dav(real, "PUT", folder + "/f", (), b"0123456789")
    response = dav(real, "GET", folder + "/f", [("Range", "bytes=2-4")])
    assert response.status == 206
    assert response.body == b"234"


def test_propfind(real: Site, folder: str) -> None:
    dav(real, "PUT", folder + "/Ω.txt", (), b"text")
    response = dav(real, "PROPFIND", folder, [("Depth", "1")])
    assert response.status == 207
    assert response.complete
    assert quote("Ω.txt") in response.text
    assert "getcontentlength" in response.text


def test_proppatch(real: Site, folder: str) -> None:
    body = b"""<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:X="urn:x"><D:set>
    <D:prop><X:color>blue</X:color></D:prop></D:set></D:propertyupdate>"""
    response = dav(real, "PROPPATCH", folder, [XML], body)
    assert response.status == 207
    assert "color" in response.text


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_copy_and_move(real: Site, folder: str, method: str) -> None:
    dav(real, "PUT", folder + "/a", (), b"content")
    target = f"http://{real.host}/dav{folder}/b"
    assert dav(real, method, folder + "/a", [("Destination", target)]).status == 201
    assert dav(real, "GET", folder + "/b").body == b"content"
    assert dav(real, "GET", folder + "/a").status == (200 if method == "COPY" else 404)
    again = dav(real, method, folder + "/b", [("Destination", target + "2"), ("Overwrite", "F")])
    assert again.status == 201


def test_lock(real: Site, folder: str) -> None:
    dav(real, "PUT", folder + "/locked", (), b"content")
    response = dav(real, "LOCK", folder + "/locked", [XML, ("Timeout", "Second-60")], LOCK)
    assert response.status == 200
    token = response.header("Lock-Token") or ""
    assert token.strip("<>").startswith("opaquelocktoken:")
    assert dav(real, "PUT", folder + "/locked", (), b"other").status == 423
    held = [("If", f"({token})")]
    assert dav(real, "PUT", folder + "/locked", held, b"mine").status == 204
    assert dav(real, "UNLOCK", folder + "/locked", [("Lock-Token", token)]).status == 204
    assert dav(real, "PUT", folder + "/locked", (), b"other").status == 204


def test_delete(real: Site, folder: str) -> None:
    dav(real, "PUT", folder + "/gone", (), b"x")
    assert dav(real, "DELETE", folder).status == 204
    assert dav(real, "GET", folder + "/gone").status == 404


def test_conflict(real: Site, folder: str) -> None:
    assert dav(real, "PUT", folder + "/no/such/place", (), b"x").status == 409
    assert dav(real, "MKCOL", folder).status == 405
