# SPDX-License-Identifier: Apache-2.0
"""wsgiref.validate between server and application: neither may break PEP 3333."""

from __future__ import annotations

import pytest
from harness.client import Response, build
from harness.site import Site, query


def checked(site: Site, response: Response, since: int) -> Response:
    """The validator raises AssertionError, which would be a 500, and warns in the log."""
    text = site.log.text(since)
    assert "AssertionError" not in text
    assert "WSGIWarning" not in text
    assert response.complete
    return response


@pytest.mark.parametrize("parts", ["", "&parts=1", "&write=1"])
@pytest.mark.parametrize("path", ["", "/", "/a/b%20c/%C3%A9"])
def test_get(apps: Site, path: str, parts: str) -> None:
    since = apps.log.mark()
    response = checked(apps, apps.get(f"/validated{path}?x=y{parts}"), since)
    assert response.status == 200
    assert response.body == (b"written nothing came" if "write" in parts else b"nothing came")


@pytest.mark.parametrize("read", ["", "lines", "readline", "readlines"])
@pytest.mark.parametrize("size", [1, 5000, 200_000])
def test_post(apps: Site, read: str, size: int) -> None:
    since = apps.log.mark()
    body = (b"some text\n" * (size // 10 + 1))[:size]
    response = apps.post("/validated" + query(read=read, parts=1), body)
    assert checked(apps, response, since).body == body


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "OPTIONS", "PUT"])
def test_other_methods(apps: Site, method: str) -> None:
    since = apps.log.mark()
    assert checked(apps, apps.request(method, "/validated"), since).status == 200


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 Not Found"])
def test_statuses(apps: Site, status: str) -> None:
    since = apps.log.mark()
    response = apps.get("/validated" + query(status=status))
    assert checked(apps, response, since).status == int(status[:3])


def test_http_1_0(apps: Site) -> None:
    since = apps.log.mark()
    with apps.client() as client:
        client.send(build("GET", "/validated?parts=1", host=apps.host, version="1.0"))
        assert checked(apps, client.response(), since).body == b"nothing came"


def test_log_goes_through_the_validator(apps: Site) -> None:
    since = apps.log.mark()
    apps.get("/validated")
    apps.log.wait_entry("^validated$", since)


def test_many_on_one_connection(apps: Site) -> None:
    since = apps.log.mark()
    with apps.client() as client:
        for number in range(50):
            body = b"%d" % number
            response = client.request("POST", "/validated", body=body)
            assert checked(apps, response, since).body == body
