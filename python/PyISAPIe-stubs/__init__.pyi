# SPDX-License-Identifier: Apache-2.0
"""The request that this thread serves, and its response."""

from collections.abc import Sequence
from typing import Literal, final, overload

from typing_extensions import Buffer

Version: str
VersionFull: str
VersionMajor: int
VersionMinor: int
VersionRelease: int
VersionRevision: int
VersionBits: int

def Header(
    Header: str | Sequence[str] | None = None,
    Status: int | tuple[int, str] = 0,
    Length: int = -1,
    Close: Literal[True] = ...,
) -> None:
    """Set headers, the status and the framing of the response.

    Header: a str such as "Content-Type: text/plain", or a list or tuple of them. Calls add up; a
    second Content-Type replaces the first.
    Status: from 100 to 999, or a tuple (int, reason).
    Length: of the body in bytes. What is written must add up to it, and is not buffered.
    Close: True ends the connection after the response.

    Nothing is sent before the first data or the end of the request. Raises Exception when the
    headers have been sent already or there is no request, ValueError for what cannot be a header or
    a status.

    Header(["Content-Type: text/csv", "Cache-Control: no-store"])
    Header("Location: /login", Status=302)
    """

@overload
def Read(Bytes: Literal[-1]) -> int: ...  # type: ignore[overload-overlap]
@overload
def Read(Bytes: int = 0) -> bytes:
    """The body of the request: all that is left, or at most so many bytes of it.

    With a negative number: how many bytes are left, as an int; -1 when nobody knows. Raises OSError
    when the client ends the request before its whole body came.

    form = parse_qs(Read().decode())
    """

def Write(data: str | Buffer, /) -> None:
    """Add to the body of the response.

    data: bytes, or a str, which is encoded with the charset of the response's Content-Type, UTF-8
    when it has none. Kept until the handler ends or Config.BufferSize bytes are together. Raises
    ConnectionError when the client has gone.

    Write("<p>hello")
    """

def DisableBuffer() -> None:
    """Send everything as it is written, from now on.

    Raises RuntimeError when something has been written already.
    """

@final
class Environment:
    """The variables of the request: bytes read as latin-1, "" for what it does not have.

    if Env.REQUEST_METHOD == "POST" and not Env.HTTP_REFERER: ...
    """

    KeepAlive: bool
    HeadersSent: bool
    DataSent: bool
    def __getattr__(self, name: str) -> str: ...

Env: Environment
