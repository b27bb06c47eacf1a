# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1 client of bytes: it sends exactly what it is told, and tells how an answer ended."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from harness import windows

TIMEOUT = 60.0 if windows.NAME else 15.0  # Wine starts a Python slowly, and so its first answer
Headers = Iterable[tuple[str, str]]
Address = tuple[str, int] | str


class NoResponse(ConnectionError):
    """The server closed the connection before the first byte of a response."""


@dataclass
class Response:
    """An answer. complete: it ended as its own framing says that it ends."""

    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    framing: str = "none"  # none, length, chunked, close
    body: bytes = b""
    complete: bool = True
    interim: list[Response] = field(default_factory=list)
    raw_head: bytes = b""

    def all(self, name: str) -> list[str]:
        """The values of a field, in the order in which they came."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a field that may come once."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        """The body, which must be whole."""
        assert self.complete, "the body is cut short"
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


def build(
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    host: str | None = "localhost",
    version: str = "1.1",
) -> bytes:
    """A request; a body gets a Content-Length unless the headers frame it."""
    fields = list(headers)
    names = {name.lower() for name, _ in fields}
    if host is not None and "host" not in names:
        fields.insert(0, ("Host", host))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/{version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
    return head.encode("latin-1") + b"\r\n" + body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; b"" gives the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Client:
    """One connection."""

    def __init__(self, address: Address, timeout: float = TIMEOUT, host: str = "localhost") -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if not isinstance(address, str) and ":" in address[0]:
            family = socket.AF_INET6
        self.host = host
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self._buffer = b""
        self._ended = False
        self._reset = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- sending

    def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self.socket.sendall(data)

    def start(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        """Send a request of HTTP/1.1."""
        self.send(build(method, target, headers, body, host=self.host))

    def request(
        self, method: str, target: str, headers: Headers = (), body: bytes = b""
    ) -> Response:
        """Send a request and read its answer."""
        self.start(method, target, headers, body)
        return self.response(method)

    def get(self, target: str, headers: Headers = ()) -> Response:
        """A GET request and its answer."""
        return self.request("GET", target, headers)

    def end_sending(self) -> None:
        """Close our half of the connection."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close the connection with RST: unread and unsent data is lost."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    # -- receiving

    def _fill(self) -> bool:
        """More bytes into the buffer; False at the end."""
        if self._ended:
            return False
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionError:
            self._reset = True
            data = b""
        self._ended = not data
        self._buffer += data
        return not self._ended

    def _take(self, n: int) -> bytes:
        data, self._buffer = self._buffer[:n], self._buffer[n:]
        return data

    def _line(self) -> bytes | None:
        """One line with its end; None when the connection ends first."""
        while b"\n" not in self._buffer:
            if not self._fill():
                return None
        return self._take(self._buffer.index(b"\n") + 1)

    def head(self) -> Response:
        """The next status line and header block."""
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            line = self._line()
            if line is None:
                raise NoResponse(f"the connection ended after {raw + self._buffer!r}")
            raw += line
        first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        version, status, reason = [*first.split(" ", 2), ""][:3]
        assert version in ("HTTP/1.0", "HTTP/1.1"), f"not a status line: {first!r}"
        headers = []
        for line_text in lines:
            name, colon, value = line_text.partition(":")
            assert colon and name and not name[0].isspace(), f"not a header: {line_text!r}"
            headers.append((name, value.strip(" \t")))
        return Response(version, int(status), reason, headers, raw_head=raw)

    def parts(self, response: Response) -> Generator[bytes, None, None]:
        """The body as it arrives. Sets complete at its end."""
        response.complete = False
        readers = {"chunked": self._chunks, "length": self._counted, "close": self._rest}
        if response.framing in readers:
            response.complete = yield from readers[response.framing](response)
        else:
            response.complete = True

    def _counted(self, response: Response) -> Generator[bytes, None, bool]:
        left = int(response.header("Content-Length") or 0)
        while left:
            if not self._buffer and not self._fill():
                return False
            part = self._take(left)
            left -= len(part)
            yield part
        return True

    def _rest(self, response: Response) -> Generator[bytes, None, bool]:
        while self._buffer or self._fill():
            yield self._take(len(self._buffer))
        return not self._reset

    def _chunks(self, response: Response) -> Generator[bytes, None, bool]:
        while True:
            line = self._line()
            if line is None:
                return False
            size = int(line.split(b";")[0].strip(), 16)
            while len(self._buffer) < size + 2:
                if not self._fill():
                    yield self._take(size)
                    return False
            part, end = self._take(size), self._take(2)
            assert end == b"\r\n", f"a chunk ends in {end!r}"
            if not size:
                return True
            yield part

    def start_response(self, method: str = "GET") -> Response:
        """The head of the next response, with its interim responses; the body is left."""
        interim: list[Response] = []
        response = self.head()
        while response.status in (100, 103):
            interim.append(response)
            response = self.head()
        response.interim = interim
        response.framing = _framing(response, method)
        return response

    def response(self, method: str = "GET") -> Response:
        """The next response, whole."""
        response = self.start_response(method)
        response.body = b"".join(self.parts(response))
        return response

    def is_closed(self, timeout: float = 5.0) -> bool:
        """Whether the server closes within that time, and sends nothing more before."""
        before = self.socket.gettimeout()
        self.socket.settimeout(timeout)
        try:
            return not self._buffer and not self._fill()
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(before)

    def drain(self) -> bytes:
        """All that still comes until the server closes."""
        while self._fill():
            pass
        return self._take(len(self._buffer))


def _framing(response: Response, method: str) -> str:
    if method == "HEAD" or response.status < 200 or response.status in (204, 304):
        return "none"
    if "chunked" in (response.header("Transfer-Encoding") or "").lower():
        return "chunked"
    return "close" if response.header("Content-Length") is None else "length"
