# SPDX-License-Identifier: Apache-2.0
from html import escape

from Http import Header, Write

POSTS = {("2005", "first"): "PyISAPIe is there.", ("2026", "again"): "And once more."}


def List() -> None:
    Write("<!doctype html><html lang=en><title>Blog</title><h1>Blog</h1><ul>")
    for year, name in POSTS:
        Write(f'<li><a href="/blog/{year}/{name}">{year}: {escape(name)}</a>')
    Write("</ul>\n")


def Post(Year: str, Name: str) -> None:
    text = POSTS.get((Year, Name))
    if text is None:
        Header(Status=404)
        text = "There is no such post."
    Write(f"<!doctype html><html lang=en><title>{escape(Name)}</title><p>{escape(text)}\n")
