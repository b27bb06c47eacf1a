# SPDX-License-Identifier: Apache-2.0
"""What all pages share. It lies beside the document root: what lies in it is a page."""

from html import escape

from Http import Header, Write


def Top(Title: str) -> None:
    Header(["Content-Type: text/html; charset=utf-8", "Cache-Control: no-cache"])
    Write(f"<!doctype html><html lang=en><title>{escape(Title)}</title><h1>{escape(Title)}</h1>\n")


def Bottom() -> None:
    Write('<hr><p><a href="index.py">Index</a> <a href="form.py">Form</a>\n')
