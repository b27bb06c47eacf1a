# SPDX-License-Identifier: Apache-2.0
"""A client for whole sites: cookies, forms, uploads, CSRF tokens."""

from __future__ import annotations

import re
import uuid
from urllib.parse import urlencode

from harness.client import Response
from harness.site import Site

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
FORM = "application/x-www-form-urlencoded"


class Browser:
    """Keeps cookies between requests to one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies: dict[str, str] = {}

    def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: list[tuple[str, str]] | None = None,
    ) -> Response:
        """One request, with the cookies."""
        fields = list(headers or [])
        if self.cookies:
            fields.append(("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items())))
        response = self.site.request(method, target, fields, body)
        for cookie in response.all("Set-Cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        assert response.complete
        return response

    def get(self, target: str) -> Response:
        """A page."""
        return self.request("GET", target)

    def token(self, target: str) -> str:
        """The CSRF token of a form."""
        match = TOKEN.search(self.get(target).text)
        assert match, "the form has no CSRF token"
        return match[1]

    def submit(self, target: str, **fields: str) -> Response:
        """Fill in a form of Django's, with its token."""
        data = {"csrfmiddlewaretoken": self.token(target)} | fields
        return self.request("POST", target, urlencode(data).encode(), [("Content-Type", FORM)])

    def upload(self, target: str, name: str, content: bytes, token: str | None = None) -> Response:
        """Send a file by a form."""
        fields = {"csrfmiddlewaretoken": token} if token else {}
        kind, body = multipart(fields, "file", name, content)
        return self.request("POST", target, body, [("Content-Type", kind)])


def multipart(fields: dict[str, str], file: str, name: str, content: bytes) -> tuple[str, bytes]:
    """A multipart form with one file: its Content-Type and its bytes."""
    boundary = uuid.uuid4().hex
    start = f"--{boundary}\r\nContent-Disposition: form-data; "
    body = "".join(f'{start}name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    body += f'{start}name="{file}"; filename="{name}"\r\n'
    body += "Content-Type: application/octet-stream\r\n\r\n"
    return (
        f"multipart/form-data; boundary={boundary}",
        body.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
    )
