# SPDX-License-Identifier: Apache-2.0
"""The guest book: GET shows it, POST adds to it."""

from __future__ import annotations

import hmac
import secrets
import time
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

import book
from Http import Env, Header, Read, Write

NAME_MAX, TEXT_MAX = 60, 2000  # characters
BODY_MAX = 32 * 1024  # bytes
COOKIE = "guestbook"


def Request() -> None:
    Header([
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'",
    ])  # fmt: skip
    if Env.REQUEST_METHOD == "POST":
        add()
    elif Env.REQUEST_METHOD in ("GET", "HEAD"):
        show()
    else:
        Header("Allow: GET, HEAD, POST", Status=405)


def add() -> None:
    body = Read(BODY_MAX + 1)
    if len(body) > BODY_MAX:
        return show("That is too much.", 413)
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    name, text, token = (form.get(key, [""])[0].strip() for key in ("name", "text", "token"))
    if not is_from_here(token):
        return show("Your visit has ended; please send it again.", 403, name, text)
    if not name or not text:
        return show("Please give a name and a text.", 422, name, text)
    if len(name) > NAME_MAX or len(text) > TEXT_MAX:
        return show(
            f"A name has at most {NAME_MAX} characters, a text {TEXT_MAX}.", 422, name, text
        )
    book.add(name, text.replace("\r\n", "\n"))
    # After this, "reload" in the browser does not send the form once more.
    Header(f"Location: {Env.SCRIPT_NAME or Env.URL}", Status=303)
    return None


def is_from_here(token: str) -> bool:
    """Whether the form came from our own page: other sites know no token, and send their Origin."""
    known = cookie()
    origin = Env.HTTP_ORIGIN
    if origin and urlsplit(origin).netloc.lower() != Env.HTTP_HOST.lower():
        return False
    return bool(known) and hmac.compare_digest(known.encode(), token.encode())


def cookie() -> str:
    try:
        found = SimpleCookie(Env.HTTP_COOKIE).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def show(problem: str = "", status: int = 200, name: str = "", text: str = "") -> None:
    token = cookie()
    if not token:
        token = secrets.token_urlsafe(16)
        secure = "; Secure" if Env.HTTPS == "on" else ""
        Header(f"Set-Cookie: {COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")
    Header("Content-Type: text/html; charset=utf-8", Status=status)
    Write(PAGE.format(
        problem=f'<p class="warn" id="problem">{escape(problem)}</p>' if problem else "",
        token=escape(token), name=escape(name), text=escape(text),
        name_max=NAME_MAX, text_max=TEXT_MAX,
        entries="".join(map(entry, book.latest())) or "<p>Nobody has written yet.",
    ))  # fmt: skip


def entry(row: tuple[str, str, int]) -> str:
    name, text, seconds = row
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    return (
        f'<article class="panel"><b>{escape(name)}</b> <time>{when}</time>'
        f"<p>{escape(text)}</p></article>"
    )


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Guest book</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<h1>Guest book</h1>
<p class="lead">Leave a line for those who come after you.</p>
<form class="panel" id="entry" method="post" accept-charset="utf-8">
  {problem}
  <input type="hidden" name="token" value="{token}">
  <label>Name <input name="name" value="{name}" maxlength="{name_max}" required></label>
  <label>Text
    <textarea name="text" rows="4" maxlength="{text_max}" required>{text}</textarea></label>
  <button>Write</button>
</form>
<div id="entries">{entries}</div>
"""
