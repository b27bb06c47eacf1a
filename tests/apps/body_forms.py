# SPDX-License-Identifier: Apache-2.0
"""The same body in the forms that an iterable may have."""

from __future__ import annotations

from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query


class ListOfItsOwn(list[bytes]):
    """A list whose iteration differs from its items."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"the ", b"body"])


class ByIndex:
    """The old protocol: __getitem__ until IndexError."""

    def __getitem__(self, index: int) -> bytes:
        return (b"the ", b"body")[index]


class WithLength:
    """Has a length of one."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"the body"])


FORMS = {
    "list": lambda: [b"the ", b"body"],
    "tuple": lambda: (b"the ", b"body"),
    "generator": lambda: (part for part in (b"the ", b"body")),
    "set": lambda: {b"the body"},
    "dict": lambda: {b"the ": 1, b"body": 2},
    "own-list": lambda: ListOfItsOwn([b"wrong", b"too"]),
    "by-index": ByIndex,
    "with-length": WithLength,
    "map": lambda: map(str.encode, ["the ", "body"]),
    "empty-parts": lambda: iter([b"", b"the ", b"", b"", b"body", b""]),
}


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", TEXT)
    return FORMS[query(environ)["form"]]()
