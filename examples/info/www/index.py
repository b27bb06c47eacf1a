# SPDX-License-Identifier: Apache-2.0
"""The server, Python, counters and the request: index.py?counters gives the counters as JSON."""

from __future__ import annotations

import itertools
import json
import os
import platform
import time
from html import escape

from Http import Env, Header, Version, Write
from Http.WSGI import IsapiEnv
from pyisapie import _engine, _loading  # for what has no public name

MODES = (
    "main: one interpreter",
    "isolated: several interpreters, each with a GIL of its own",
    "free-threaded: without a GIL",
)
SECRET = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PROXY_AUTHORIZATION")
SHOWN = (
    "REQUEST_METHOD", "URL", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME",
    "SERVER_PORT", "SERVER_PROTOCOL", "HTTPS", "REMOTE_ADDR", "REMOTE_PORT",
    "REMOTE_USER", "AUTH_TYPE", "CONTENT_TYPE", "CONTENT_LENGTH",
)  # fmt: skip

# A page with a Request() is imported once: its module's names live as long as the process.
_began = time.monotonic()
_requests = itertools.count(1)


def Request() -> None:
    number = next(_requests)
    Header("Cache-Control: no-store")
    if Env.QUERY_STRING == "counters":
        Header("Content-Type: application/json")
        Write(json.dumps(counters(number)))
        return
    Header("Content-Security-Policy: default-src 'self'; script-src 'self' 'unsafe-inline'")
    Write(PAGE.format(
        counters=tiles(counters(number)),
        server=table(server()),
        python=table(python()),
        variables=table({name: text(getattr(Env, name)) for name in SHOWN}),
        headers=table(headers()),
    ))  # fmt: skip


def counters(number: int) -> dict[str, str]:
    return {
        "requests to this page": f"{number:,}",
        "seconds since it was loaded": f"{time.monotonic() - _began:,.0f}",
        "times the GIL was taken": f"{_engine.entries():,}",
        "memory of the process": memory(),
    }


def server() -> dict[str, str]:
    return {
        "server": Env.SERVER_SOFTWARE,
        "PyISAPIe": Version.Full,
        "process": str(os.getpid()),
        "system": f"{platform.system()} on {platform.machine()}",
        "keeps connections": "yes" if Env.KeepAlive else "no",
    }


def python() -> dict[str, str]:
    return {
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "interpreter": __interp__,  # type: ignore[name-defined]  # noqa: F821
        "mode": MODES[_loading.mode],
        "file of this page": __file__,
    }


def headers() -> dict[str, str]:
    environ = IsapiEnv()
    names = sorted(name for name in environ if name.startswith("HTTP_"))
    return {name: "(hidden)" if name in SECRET else text(environ[name]) for name in names}


def text(value: str) -> str:
    """What the bytes of a variable say in UTF-8: Env has a character for each byte."""
    return value.encode("latin-1").decode("utf-8", "replace")


def memory() -> str:
    """What the process has in memory, where the system tells."""
    try:
        return f"{(_of_windows() if os.name == 'nt' else _of_linux()) / 2**20:,.1f} MiB"
    except (OSError, ValueError, ImportError):
        return "unknown"


def _of_linux() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _of_windows() -> int:
    import ctypes
    from ctypes import wintypes

    sizes = [(f"size{i}", ctypes.c_size_t) for i in range(8)]
    fields = [("bytes", wintypes.DWORD), ("faults", wintypes.DWORD), *sizes]
    counters = type("Counters", (ctypes.Structure,), {"_fields_": fields})()
    counters.bytes = ctypes.sizeof(counters)
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
    me = kernel.GetCurrentProcess()
    if not kernel.K32GetProcessMemoryInfo(me, ctypes.byref(counters), counters.bytes):
        raise ctypes.WinError()
    return int(counters.size1)  # the working set


def tiles(numbers: dict[str, str]) -> str:
    return "".join(
        f'<div class="panel"><b data-name="{escape(name)}">{escape(value)}</b>{escape(name)}</div>'
        for name, value in numbers.items()
    )


def table(rows: dict[str, str]) -> str:
    lines = [
        f"<tr><th>{escape(name)}<td>{escape(value) or '<small>(empty)</small>'}"
        for name, value in rows.items()
    ]
    return f"<table>{''.join(lines)}</table>"


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>PyISAPIe serves here</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<h1>PyISAPIe serves here</h1>
<p class="lead">Python within a web server. The numbers go on while you look.</p>
<div class="tiles">{counters}</div>
<h2>Server</h2><div class="panel">{server}</div>
<h2>Python</h2><div class="panel">{python}</div>
<h2>Variables of this request</h2><div class="panel">{variables}</div>
<h2>Its header fields</h2><div class="panel">{headers}</div>
<script>
  setInterval(async () => {{
    const answer = await fetch("?counters");
    for (const [name, value] of Object.entries(await answer.json()))
      document.querySelector(`[data-name="${{name}}"]`).textContent = value;
  }}, 2000);
</script>
"""
