# SPDX-License-Identifier: Apache-2.0
"""httpbin under its own routes, on every host."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode

import pytest
from harness import windows
from harness.paths import TEST_MODE
from harness.site import Site

pytest.importorskip("httpbin", reason="httpbin is not installed (tests/requirements.txt)")

if TEST_MODE:
    pytest.skip(f"httpbin needs modules that cannot be {TEST_MODE}", allow_module_level=True)

if windows.NAME:
    pytest.skip("its brotlicffi needs MSVCP140.dll, which Wine lacks", allow_module_level=True)

BASE = "/httpbin"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_methods(real: Site, method: str) -> None:
    body = b"" if method == "get" else b"some data"
    headers = [("X-Name", "v"), ("Content-Type", "text/plain")]
    answer = real.request(method.upper(), f"{BASE}/{method}?a=1&b=%C3%A9", headers, body).json()
    assert answer["args"] == {"a": "1", "b": "é"}
    assert answer["headers"]["X-Name"] == "v"
    assert answer["url"] == f"http://{real.host}{BASE}/{method}?a=1&b=é"
    if body:
        assert answer["data"] == "some data"


def test_anything(real: Site) -> None:
    form = b"x=1&y=%C3%A9"
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    answer = real.post(f"{BASE}/anything/below/this", form, headers).json()
    assert answer["method"] == "POST"
    assert answer["form"] == {"x": "1", "y": "é"}
    assert answer["url"].endswith("/anything/below/this")


def test_json_data(real: Site) -> None:
    answer = real.post(f"{BASE}/post", b'{"a": 1}', [("Content-Type", "application/json")]).json()
    assert answer["json"] == {"a": 1}


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 404, 418, 429, 500, 501, 503, 599])
def test_statuses(real: Site, status: int) -> None:
    with real.client() as client:
        assert client.get(f"{BASE}/status/{status}").status == status
        if not (real.is_apache and status >= 400):
            assert client.get(f"{BASE}/get").status == 200


def test_headers_and_address(real: Site) -> None:
    answer = real.get(f"{BASE}/headers", [("X-A", "1"), ("User-Agent", "mine")]).json()
    assert answer["headers"]["X-A"] == "1"
    assert real.get(f"{BASE}/user-agent", [("User-Agent", "mine")]).json()["user-agent"] == "mine"
    assert real.get(f"{BASE}/ip").json()["origin"] == "127.0.0.1"


def test_response_headers(real: Site) -> None:
    response = real.get(f"{BASE}/response-headers?X-One=1&X-Two=a%20b")
    assert response.header("X-One") == "1"
    assert response.header("X-Two") == "a b"


def test_encodings(real: Site) -> None:
    packed = real.get(f"{BASE}/gzip")
    assert packed.header("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(packed.body))["gzipped"] is True
    deflated = real.get(f"{BASE}/deflate")
    assert json.loads(zlib.decompress(deflated.body))["deflated"] is True
    assert "∮" in real.get(f"{BASE}/encoding/utf8").text


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
def test_redirects(real: Site, kind: str, n: int) -> None:
    response = real.get(f"{BASE}/{kind}/{n}")
    assert response.status == 302
    assert (response.header("Location") or "").endswith("/get" if n == 1 else f"/{n - 1}")


def test_cookies(real: Site) -> None:
    response = real.get(f"{BASE}/cookies/set?a=1&b=2")
    assert {cookie.split(";")[0] for cookie in response.all("Set-Cookie")} == {"a=1", "b=2"}
    answer = real.get(f"{BASE}/cookies", [("Cookie", "a=1; b=2")]).json()
    assert answer["cookies"] == {"a": "1", "b": "2"}


def test_basic_auth(real: Site) -> None:
    target = f"{BASE}/basic-auth/user/secret"
    refused = real.get(target)
    assert refused.status == 401
    assert (refused.header("WWW-Authenticate") or "").startswith("Basic")
    token = b64encode(b"user:secret").decode()
    assert real.get(target, [("Authorization", f"Basic {token}")]).json()["authenticated"] is True


def test_bearer(real: Site) -> None:
    assert real.get(f"{BASE}/bearer").status == 401
    assert real.get(f"{BASE}/bearer", [("Authorization", "Bearer x")]).json()["token"] == "x"


def test_caching(real: Site) -> None:
    assert real.get(f"{BASE}/cache").status == 200
    assert real.get(f"{BASE}/cache", [("If-None-Match", '"x"')]).status == 304
    assert real.get(f"{BASE}/etag/abc", [("If-None-Match", '"abc"')]).status == 304
    assert real.get(f"{BASE}/etag/abc", [("If-Match", '"other"')]).status == 412


@pytest.mark.parametrize("n", [0, 1, 1000, 100_000])
def test_bytes(real: Site, n: int) -> None:
    response = real.get(f"{BASE}/bytes/{n}?seed=1")
    assert len(response.body) == n
    streamed = real.get(f"{BASE}/stream-bytes/{n}?seed=1")
    assert streamed.body == response.body
    assert streamed.complete


def test_stream(real: Site) -> None:
    lines = real.get(f"{BASE}/stream/20").body.splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(20))


def test_range(real: Site) -> None:
    whole = real.get(f"{BASE}/range/1000").body
    part = real.get(f"{BASE}/range/1000", [("Range", "bytes=100-199")])
    assert part.status == 206
    assert part.body == whole[100:200]


def test_drip_arrives_drop_by_drop(real: Site) -> None:
    with real.client() as client:
        client.start("GET", f"{BASE}/drip?numbytes=4&duration=0.4&delay=0")
        response = client.start_response()
        assert response.header("Content-Length") == "4"
        assert list(client.parts(response)) == [b"*"] * 4


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "svg"])
def test_images(real: Site, kind: str) -> None:
    response = real.get(f"{BASE}/image/{kind}")
    assert (response.header("Content-Type") or "").startswith(f"image/{kind}")
    assert response.header("Content-Length") == str(len(response.body))
    assert len(response.body) > 1000


@pytest.mark.parametrize("page", ["/", "/html", "/robots.txt", "/xml", "/json", "/forms/post"])
def test_pages(real: Site, page: str) -> None:
    response = real.get(BASE + page)
    assert response.status == 200
    assert response.complete
    assert response.body
