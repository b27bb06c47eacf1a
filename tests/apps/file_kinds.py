# SPDX-License-Identifier: Apache-2.0
"""wsgi.file_wrapper around each kind of file; the content is CONTENT but where it says otherwise.

?closed tells how many files have been closed.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from tools import Body, Environ, StartResponse, query, send_json

CONTENT = bytes(range(256)) * 1024
OFFSET = 1000
closed = [0]


def _temporary(content: bytes = CONTENT, **options: Any) -> IO[bytes]:
    file = tempfile.TemporaryFile(**options)  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file


def _named() -> Any:
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.write(CONTENT)
    file.seek(0)
    return file


def _at_offset() -> IO[bytes]:
    file = _temporary()
    file.read(OFFSET)  # buffered: the descriptor itself is further on
    return file


def _at_end() -> IO[bytes]:
    file = _temporary()
    file.seek(0, os.SEEK_END)
    return file


def _unflushed() -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(CONTENT[:100])
    file.flush()
    file.seek(0)
    return file


def _gzip() -> IO[bytes]:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(CONTENT)
    return gzip.GzipFile(fileobj=_temporary(packed.getvalue()))  # its fileno() is the packed file's


def _pipe() -> IO[bytes]:
    reader, writer = os.pipe()
    os.write(writer, CONTENT[:4096])
    os.close(writer)
    return os.fdopen(reader, "rb")


class OnlyRead:
    """The least that file_wrapper takes."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


class BadFileno(OnlyRead):
    def fileno(self) -> int:
        raise io.UnsupportedOperation("no descriptor")


KINDS: dict[str, Callable[[], Any]] = {
    "real": _temporary,
    "raw": lambda: _temporary(buffering=0),
    "named": _named,
    "offset": _at_offset,
    "end": _at_end,
    "empty": lambda: _temporary(b""),
    "short": _unflushed,
    "bytesio": lambda: io.BytesIO(CONTENT),
    "gzip": _gzip,
    "pipe": _pipe,
    "only-read": OnlyRead,
    "bad-fileno": BadFileno,
}


class Closing:
    """Passes everything on, and counts close()."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        closed[0] += 1
        if hasattr(self._file, "close"):
            self._file.close()


def _iterated(wrapper: Iterator[bytes]) -> Iterator[bytes]:
    yield from wrapper


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    if "closed" in options:
        return send_json(start_response, closed[0])
    file = KINDS[options["kind"]]()
    if "counted" in options:
        file = Closing(file)
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in options:
        headers.append(("Content-Length", options["length"]))
    start_response("200 OK", headers)
    wrapper = environ["wsgi.file_wrapper"](file, int(options.get("block", "8192")))
    return _iterated(wrapper) if "iterated" in options else wrapper
