# SPDX-License-Identifier: Apache-2.0
"""GET lists the files, GET index.py?get=NAME sends one, POST takes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from html import escape
from typing import BinaryIO
from urllib.parse import parse_qs, quote, urlsplit

import store
from Http import Env, Header, Read, Write
from multipart import FormError, Reader, boundary_of

LIMIT = int(os.environ.get("UPLOAD_LIMIT") or 64 * 2**20)  # bytes of a form
PIECE = 65536


class TooLarge(Exception):
    """More came than LIMIT."""


def Request() -> None:
    Header([
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'self'",
        "X-Content-Type-Options: nosniff",
    ])  # fmt: skip
    if Env.REQUEST_METHOD == "POST":
        take()
    elif Env.QUERY_STRING.startswith("get="):
        send(parse_qs(Env.QUERY_STRING, keep_blank_values=True)["get"][0])
    else:
        show()


def take() -> None:
    origin = Env.HTTP_ORIGIN
    if origin and urlsplit(origin).netloc.lower() != Env.HTTP_HOST.lower():
        return show("The form is another site's.", 403)
    try:
        if Read(-1) > LIMIT:  # the bytes that are to come; -1 where nobody knows
            raise TooLarge
        saved = save_all(Reader(limited_read(), boundary_of(Env.CONTENT_TYPE), PIECE))
    except TooLarge:
        # What is left of the body is not waited for: the connection ends.
        Header(Close=True)
        return show(f"More than {LIMIT:,} bytes are not taken.", 413)
    except FormError as error:
        return show(f"The form cannot be read: {error}.", 400)
    if not saved:
        return show("No file was chosen.", 422)
    Header(f"Location: {Env.SCRIPT_NAME or Env.URL}?saved={quote(saved[-1])}", Status=303)
    return None


def limited_read() -> Callable[[int], bytes]:
    """Read(), which counts."""
    taken = 0

    def read(size: int) -> bytes:
        nonlocal taken
        data = Read(size)
        taken += len(data)
        if taken > LIMIT:
            raise TooLarge
        return data

    return read


def save_all(form: Reader) -> list[str]:
    return [store.save(part.filename, part.pieces) for part in form if part.filename]


def send(name: str) -> None:
    path = store.find(name)
    if path is None:
        return show("There is no such file.", 404)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Never a type that a browser would show as a page of this site.
        Header([
            "Content-Type: application/octet-stream",
            f"Content-Disposition: attachment; filename*=UTF-8''{quote(name)}",
        ], Length=size)  # fmt: skip
        for piece in pieces_of(file, size):
            Write(piece)
    return None


def pieces_of(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (data := file.read(min(left, PIECE))):
        left -= len(data)
        yield data


def show(problem: str = "", status: int = 200) -> None:
    saved = parse_qs(Env.QUERY_STRING).get("saved", [""])[0]
    rows = [
        f'<tr><td><a href="?get={quote(name)}">{escape(name)}</a><td class="number">{size:,}'
        for name, size in store.names()
    ]
    Header("Content-Type: text/html; charset=utf-8", Status=status)
    Write(PAGE.format(
        problem=f'<p class="warn" id="problem">{escape(problem)}</p>' if problem else "",
        saved=f'<p id="saved">Saved: {escape(saved)}</p>' if saved else "",
        limit=f"{LIMIT / 2**20:,.4g}",
        rows="".join(rows) or "<tr><td>No files yet.",
    ))  # fmt: skip


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Upload</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<h1>Upload</h1>
<p class="lead">Up to {limit} MiB at once; files go to the disk as they come.</p>
<form class="panel" id="upload" method="post" enctype="multipart/form-data">
  {problem}{saved}
  <label>Files <input type="file" name="file" multiple required></label>
  <button>Send</button>
</form>
<h2>Files</h2>
<div class="panel"><table id="files">{rows}</table></div>
"""
