# SPDX-License-Identifier: Apache-2.0
"""Each function of the page API, in the way that the query names: /api.py?do=NAME."""

import json
import sys
import threading
from collections.abc import Callable
from urllib.parse import parse_qs

from Http import DisableBuffer, Env, Header, Read, Write
from Http.WSGI import IsapiEnv, RunWSGI, StartResponse

PLAIN = "Content-Type: text/plain; charset=utf-8"
WAYS: dict[str, Callable[[], object]] = {}


def way(function: Callable[[], object]) -> Callable[[], object]:
    WAYS[function.__name__] = function
    return function


def query() -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(Env.QUERY_STRING, keep_blank_values=True).items()}


def Request() -> object:
    return WAYS[query()["do"]]()


def error_of(function: Callable[..., object], *args: object, **named: object) -> str:
    try:
        function(*args, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


# ---- Header


@way
def headers_add_up() -> None:
    Header("X-One: 1")
    Header(["X-Two: 2", "X-Two: zwei"])
    Header(("X-Three: 3\r\n", PLAIN))
    Header("content-type: text/html")
    Write("body")


@way
def nothing() -> None:
    """Not even a header."""


@way
def status() -> None:
    code, reason = int(query()["code"]), query().get("reason")
    Header(PLAIN, Status=(code, reason) if reason else code)
    if code not in (204, 304):
        Write("body")


@way
def redirect() -> None:
    Header("Location: /elsewhere", Status=302)


@way
def wrong_headers() -> None:
    Write(
        json.dumps(
            [
                error_of(Header, "no colon"),
                error_of(Header, "X: a\r\nSet-Cookie: b"),
                error_of(Header, "X Y: a"),
                error_of(Header, "X: \u20ac"),
                error_of(Header, 5),
                error_of(Header, Status=99),
                error_of(Header, Status=1000),
                error_of(Header, Status="200"),
                error_of(Header, Close=False),
                error_of(Header, "Content-Length: many"),
                error_of(Header, ["X: 1"] * 20000),
            ]
        )
    )


@way
def too_late() -> None:
    DisableBuffer()
    Write("first ")
    Write(error_of(Header, "X-Late: 1"))


@way
def close() -> None:
    Header(PLAIN, Close=True)
    Write(repr(Env.KeepAlive))


# ---- Length


@way
def length() -> None:
    """Several writes that add up."""
    Header(PLAIN, Length=10)
    for part in ("012", "345", b"6789"):
        Write(part)


@way
def length_exceeded() -> None:
    Header(PLAIN, Length=4)
    Write("0123")
    sys.stderr.write(error_of(Write, "4") + "\n")


@way
def length_missed() -> None:
    Header(PLAIN, Length=10)
    Write("0123")


@way
def length_twice() -> None:
    Header(Length=5)
    Write(error_of(Header, Length=6)[:5])


# ---- Write


@way
def text() -> None:
    Header("Content-Type: text/plain; charset=" + query()["charset"])
    Write("gr\u00fc\u00df")


@way
def unencodable() -> None:
    Header("Content-Type: text/plain; charset=latin-1")
    Write(error_of(Write, "\u20ac"))


@way
def kinds() -> None:
    for data in (b"bytes ", bytearray(b"bytearray "), memoryview(b"memoryview "), "str ", ""):
        Write(data)
    Write(f"{error_of(Write, 5)}; {Write('')}")


@way
def large() -> None:
    Header("Content-Type: application/octet-stream")
    for _ in range(int(query()["parts"])):
        Write(bytes(1000))


@way
def unbuffered() -> None:
    Header(PLAIN)
    DisableBuffer()
    flags = [Env.HeadersSent, Env.DataSent]
    Write("first\n")
    Write(json.dumps([*flags, Env.HeadersSent, Env.DataSent, error_of(DisableBuffer)]))


# ---- Read


@way
def read() -> None:
    sizes = [int(size) for size in query()["sizes"].split(",")]
    parts = [Read(size) for size in sizes]
    Write(json.dumps([p if isinstance(p, int) else p.decode("latin-1") for p in parts]))


# ---- Env


@way
def env() -> None:
    names = query()["names"].split(",")
    Write(json.dumps({name: getattr(Env, name) for name in names}))


# ---- the end


@way
def leave() -> None:
    Write("before")
    sys.exit(3)


@way
def fail() -> None:
    Write("must not be sent")
    raise ValueError("secret of the page")


@way
def fail_late() -> None:
    DisableBuffer()
    Write("first")
    raise ValueError("too late")


@way
def one() -> object:
    """Only True itself passes on."""
    Write("one")
    return 1


# ---- threads


@way
def in_thread() -> None:
    errors = []

    def run() -> None:
        for function in (lambda: Header("X: 1"), Read, lambda: Write("x"), lambda: Env.URL):
            errors.append(error_of(function))
        print("printed by a thread")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    Write(json.dumps(errors))


# ---- WSGI


def app(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
    answer = [environ["SCRIPT_NAME"], environ["PATH_INFO"], body.decode()]
    start_response("418 I'm a teapot", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


@way
def wsgi() -> None:
    Header("X-Page: yes")
    RunWSGI(app, query().get("base", "/"))


@way
def wsgi_by_hand() -> None:
    for part in app(IsapiEnv(), StartResponse):
        Write(part)


@way
def wsgi_fails() -> None:
    def failing(environ: object, start_response: object) -> list[bytes]:
        raise ValueError("of the application")

    try:
        RunWSGI(failing)
    except ValueError as error:
        Header(PLAIN, Status=500)
        Write(f"caught {error}")


@way
def wsgi_fails_later() -> None:
    def failing(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("X-Failing", "yes")])
        raise ValueError("of the application")

    try:
        RunWSGI(failing)
    except ValueError as error:
        Header(PLAIN, Status=500)
        Write(f"caught {error}")


@way
def wsgi_then() -> None:
    RunWSGI(app)
    Write(error_of(Write, "more"))


@way
def wsgi_late() -> None:
    Write("page")
    Write(error_of(RunWSGI, app))
