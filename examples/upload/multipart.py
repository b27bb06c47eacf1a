# SPDX-License-Identifier: Apache-2.0
"""Read a form with files (multipart/form-data, RFC 7578) piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import HeaderParser

HEADERS_MAX = 8 * 1024  # bytes of one part's
PARTS_MAX = 100


class FormError(ValueError):
    """What came is no such form."""


def boundary_of(content_type: str) -> bytes:
    """From the field Content-Type of a request; FormError when it is another type."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise FormError("this is no form with files")
    if not 1 <= len(boundary) <= 70:
        raise FormError("the boundary has no length that is allowed")
    return boundary.encode("latin-1")


class Part:
    """A field of the form: its name, the name of a file or None, and its bytes in pieces."""

    def __init__(self, headers: Message, pieces: Iterator[bytes]) -> None:
        self.name = _utf8(headers.get_param("name", "", "Content-Disposition"))
        filename = headers.get_param("filename", None, "Content-Disposition")
        self.filename = None if filename is None else _utf8(filename)
        self.pieces = pieces


def _utf8(parameter: str | tuple[str | None, str | None, str]) -> str:
    """Browsers send names as UTF-8, which the parser has read as latin-1."""
    text = parameter if isinstance(parameter, str) else parameter[2]
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


class Reader:
    """Yields the parts of a form in turn. read(n) gives at most n bytes, b"" at the end.

    Each part must be used up before the next one is taken; what is left of it is skipped.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: bytes, piece: int = 65536) -> None:
        self._read = read
        self._mark = b"\r\n--" + boundary
        self._piece = piece
        self._buffer = b"\r\n"  # so that the first boundary looks like all others

    def _more(self) -> None:
        data = self._read(self._piece)
        if not data:
            raise FormError("the form ends too early")
        self._buffer += data

    def _until(self, mark: bytes) -> Iterator[bytes]:
        """The bytes before a mark, which is taken too."""
        while (at := self._buffer.find(mark)) < 0:
            keep = len(mark) - 1  # the mark may have come in part
            if len(self._buffer) > keep:
                yield self._buffer[:-keep]
                self._buffer = self._buffer[-keep:]
            self._more()
        if at:
            yield self._buffer[:at]
        self._buffer = self._buffer[at + len(mark) :]

    def _is_last(self) -> bool:
        """What follows a boundary: "--" after the last one, a new line after all others."""
        while len(self._buffer) < 2:
            self._more()
        after, self._buffer = self._buffer[:2], self._buffer[2:]
        if after not in (b"--", b"\r\n"):
            raise FormError("a boundary is followed by neither a line nor the end")
        return after == b"--"

    def _headers(self) -> Message:
        found = b""
        for piece in self._until(b"\r\n\r\n"):
            found += piece
            if len(found) > HEADERS_MAX:
                raise FormError("a part has too many headers")
        return HeaderParser().parsestr(found.decode("latin-1"))

    def __iter__(self) -> Iterator[Part]:
        for _ in self._until(self._mark):
            pass  # what stands before the first part means nothing
        count = 0
        while not self._is_last():
            count += 1
            if count > PARTS_MAX:
                raise FormError("the form has too many parts")
            pieces = self._until(self._mark)
            yield Part(self._headers(), pieces)
            for _ in pieces:
                pass
