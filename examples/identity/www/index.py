# SPDX-License-Identifier: Apache-2.0
"""Who asks, and who answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from html import escape

from Http import Env, Header, Write
from Http.WSGI import IsapiEnv
from pyisapie import windows

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Identity</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<h1>Identity</h1>
<p class="lead">Who asks, and who answers.</p>
<div class="panel"><table>{rows}</table></div>
"""


def Request() -> None:
    rows = {
        "user": text(Env.REMOTE_USER) or "nobody: the server has not asked for a name",
        "way to authenticate": Env.AUTH_TYPE or "none",
        "address": Env.REMOTE_ADDR,
        "Python acts as": answer_of(account),
        "for the user it acts as": answer_of(as_the_user),
    }
    Header(["Content-Type: text/html; charset=utf-8", "Cache-Control: no-store"])
    Write(PAGE.format(rows="".join(
        f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in rows.items()
    )))  # fmt: skip


def text(variable: str) -> str:
    """A variable's value: its bytes are UTF-8, each of which is one character in Env."""
    return variable.encode("latin-1").decode("utf-8", "replace")


def account() -> str:
    if sys.platform == "win32":
        return windows.whoami()
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a number without a name
        return str(os.geteuid())


def as_the_user() -> str:
    with windows.impersonate(IsapiEnv()):
        return windows.whoami()


def answer_of(question: Callable[[], str]) -> str:
    """The answer, or why there is none."""
    try:
        return question()
    except (OSError, RuntimeError) as error:
        return f"cannot be told: {error}"
