# SPDX-License-Identifier: Apache-2.0
"""start_response and write (PEP 3333), on every host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from harness.client import NoResponse, Response
from harness.logs import Entry
from harness.serve import Serve
from harness.site import Site, query

WRONG = [
    "status-bytes",
    "status-number",
    "status-none",
    "status-short",
    "status-empty",
    "status-words",
    "status-four-digits",
    "status-low",
    "status-unicode",
    "status-unicode-digits",
    "headers-tuple",
    "headers-dict",
    "headers-none",
    "headers-generator",
    "header-list",
    "header-text",
    "header-triple",
    "header-none",
    "name-bytes",
    "value-bytes",
    "value-number",
    "value-none",
    "value-unicode",
    "length-words",
    "length-negative",
    "length-plus",
    "lengths-differ",
    "no-arguments",
    "one-argument",
    "four-arguments",
    "exc-info-text",
]


def failed(site: Site, target: str) -> tuple[Response, Entry]:
    """The answer to a request whose application fails, and the log's entry about it."""
    since = site.log.mark()
    response = site.get(target)
    entry = site.log.wait_entry("The application failed:", since)
    assert response.status == 500
    assert b"must not be sent" not in response.body
    return response, entry


# ---- status


@pytest.mark.parametrize(
    "line",
    [
        "200 OK",
        "200 Quite all right",
        "201 Created",
        "207 Multi-Status",
        "226 IM Used",
        "299 Of my own",
        "302 Found",
        "400 Bad",
        "404 Not here",
        "418 I'm a teapot",
        "422 Unprocessable",
        "451 Unavailable For Legal Reasons",
        "499 Mine",
        "500 Own reason",
        "501 Not yet",
        "503 Later",
        "599 Far",
        "600 Beyond",
        "799 Beyond",
        "999 The last",
    ],
)
def test_any_status_with_its_own_reason_and_body(apps: Site, line: str) -> None:
    response = apps.get("/status_any" + query(line=line))
    assert f"{response.status} {response.reason}" == line
    assert response.body == b"a body\n"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"


def test_reason_in_latin_1(ours: Site) -> None:
    assert ours.get("/status_any?line=200%20Gr%FC%DFe").reason == "Gr\u00fc\u00dfe"


@pytest.mark.parametrize("line", ["200", "200 "])
def test_status_without_reason(apps: Site, line: str) -> None:
    response = apps.get("/status_any" + query(line=line))
    assert response.status == 200
    assert response.body == b"a body\n"


@pytest.mark.parametrize("what", ["\r\nX-Injected: 1", "\n", "\r", "\0", "\x01", "\x7f", "\t\x0b"])
def test_control_characters_in_the_status(apps: Site, what: str) -> None:
    since = apps.log.mark()
    response = apps.get("/status_any" + query(line="200 O" + what + "K"))
    assert response.status == 500
    assert response.header("X-Injected") is None
    assert "ValueError" in apps.log.wait_entry("The application failed:", since).text


# ---- headers


def test_headers_reach_the_client_as_they_are(apps: Site) -> None:
    response = apps.get("/header_any" + query(name="X-Mixed-CASE", value="  a  b  "))
    assert response.header("X-Mixed-CASE") == "a  b"
    assert b"\r\nX-Mixed-CASE:" in response.raw_head


def test_header_value_in_latin_1(apps: Site) -> None:
    response = apps.get("/header_any?name=X-Bytes&value=%E9%FF%80")
    assert response.header("X-Bytes") == "\u00e9\u00ff\u0080"


def test_empty_header_value(apps: Site) -> None:
    assert apps.get("/header_any?name=X-Empty&value=").header("X-Empty") == ""


def test_tab_in_a_value_is_allowed(apps: Site) -> None:
    response = apps.get("/header_any" + query(name="X-Tab", value="a\tb"))
    assert response.status == 200
    assert response.header("X-Tab") == "a\tb"


@pytest.mark.parametrize("character", [chr(n) for n in (*range(9), *range(10, 32), 127)])
def test_control_characters_in_a_value(apps: Site, character: str) -> None:
    since = apps.log.mark()
    value = f"a{character}X-Injected: 1"
    response = apps.get("/header_any" + query(name="X-Name", value=value))
    assert response.status == 500
    assert response.header("X-Injected") is None
    assert "control character" in apps.log.wait_entry("The application failed:", since).text


@pytest.mark.parametrize(
    "name", ["", " ", "X Name", "X-Name ", "X:Name", "X\r\nName", "X\0", "X\u00e9", "X/Y", '"X"']
)
def test_names_that_are_not_tokens(apps: Site, name: str) -> None:
    response = apps.get("/header_any" + query(name=name, value="1"))
    assert response.status == 500


def test_repeated_headers(apps: Site) -> None:
    response = apps.get("/headers_repeated")
    assert response.all("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
    assert ",".join(response.all("Vary")).replace(" ", "") == "Accept,Cookie"


def test_many_headers(apps: Site) -> None:
    response = apps.get("/headers_many?count=200&size=100")
    assert response.status == 200
    for n in range(200):
        assert response.header(f"X-Number-{n}") == f"{n}-" + "v" * 100


def test_one_long_header(apps: Site) -> None:
    response = apps.get("/headers_many?count=1&size=8000")
    assert response.header("X-Number-0") == "0-" + "v" * 8000


def test_too_many_bytes_of_headers_are_refused(ours: Site) -> None:
    response, entry = failed(ours, "/headers_many?count=2000&size=1000")
    assert "too many bytes of headers" in entry.text
    assert response.header("X-Number-0") is None


def test_headers_changed_after_the_call(apps: Site) -> None:
    response = apps.get("/headers_changed_later")
    assert response.header("X-First") == "1"
    assert response.header("X-Second") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "timeout=1234"),
        ("Connection", "keep-alive"),
        ("Connection", "X-Other"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "X-Trailer"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authorization", "Basic x"),
        ("proxy-connection", "close"),
    ],
)
def test_hop_by_hop_headers_are_dropped(apps: Site, name: str, value: str) -> None:
    since = apps.log.mark()
    response = apps.get("/headers_hop_by_hop" + query(**{name: value}))
    assert response.status == 200
    assert response.body == b"the body"
    assert response.complete
    assert value not in response.all(name)
    entry = apps.log.wait_entry("belongs to the connection", since)
    assert entry.level == "WARNING"
    assert entry.request_id


def test_one_log_line_for_all_dropped_headers(apps: Site) -> None:
    since = apps.log.mark()
    apps.get("/headers_hop_by_hop" + query(Upgrade="h2c", TE="trailers", Trailer="X"))
    apps.log.wait_entry("belongs to the connection", since)
    lines = [e for e in apps.log.entries(since) if "belongs to the connection" in e.text]
    assert len(lines) == 1


@pytest.mark.parametrize("value", ["close", "Close", "X-Other, close"])
def test_connection_close_is_honoured(ours: Site, value: str) -> None:
    with ours.client() as client:
        response = client.get("/headers_hop_by_hop" + query(Connection=value))
        assert response.header("Connection") == "close"
        assert response.body == b"the body"
        assert client.is_closed()


def test_server_and_date_are_there_once(apps: Site) -> None:
    response = apps.get("/hello")
    assert response.header("Server")
    assert response.header("Date")


@pytest.mark.parametrize("name", ["Server", "Date"])
def test_own_server_and_date_win(ours: Site, name: str) -> None:
    value = {"Server": "mine/1", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"}[name]
    response = ours.get("/header_any" + query(name=name, value=value))
    assert response.header(name) == value


# ---- wrong calls


@pytest.mark.parametrize("how", WRONG)
def test_wrong_calls_raise(apps: Site, how: str) -> None:
    _, entry = failed(apps, "/start_wrong" + query(how=how))
    assert "TypeError" in entry.text or "ValueError" in entry.text
    assert "start_wrong.py" in entry.text
    assert "SystemError" not in entry.text


def test_a_refused_call_leaves_nothing_behind(apps: Site) -> None:
    response = apps.get("/start_recovered")
    assert response.status == 200
    assert response.body == b"recovered"
    assert response.header("X-Raised") == "ValueError"
    assert response.header("X-Lost") is None
    assert response.header("X-Injected") is None


def test_exc_info_by_name(apps: Site) -> None:
    assert apps.get("/start_keywords").body == b"by name"


def test_second_call_without_exc_info(apps: Site) -> None:
    response, entry = failed(apps, "/start_twice")
    assert "AssertionError" in entry.text
    assert response.header("X-Second") is None


@pytest.mark.parametrize("form", ["list", "empty", "generator", "nothing"])
def test_body_without_start_response(apps: Site, form: str) -> None:
    response, entry = failed(apps, "/start_never" + query(form=form))
    assert "did not call start_response" in entry.text
    assert b"a body" not in response.body


def test_call_when_the_first_part_is_asked_for(apps: Site) -> None:
    response = apps.get("/start_in_iteration")
    assert response.header("X-Late") == "yes"
    assert response.body == b"from a generator"


def test_both_refuse_after_the_request(apps: Site) -> None:
    assert apps.get("/start_after_end").text == "first"
    assert apps.get("/start_after_end").text == "RuntimeError RuntimeError"


# ---- exc_info


def test_exc_info_before_the_first_byte_replaces(apps: Site) -> None:
    response = apps.get("/exc_info_before")
    assert (response.status, response.reason) == (503, "Replaced")
    assert response.body == b"the replacement"
    assert response.header("X-Lost") is None


@pytest.mark.parametrize("length", [False, True])
def test_exc_info_after_the_first_byte_raises_again(apps: Site, length: bool) -> None:
    since = apps.log.mark()
    response = apps.get("/exc_info_after" + ("?length=100" if length else ""))
    assert response.status == 200
    assert response.body == b"the beginning"
    if not (apps.like_apache and not length):  # mod_isapi cannot break a chunked body off (19)
        assert not response.complete
    assert apps.get("/exc_info_after?raised").json() == ["LateError", True]
    assert (
        "LateError: after the first byte" in apps.log.wait_entry("application failed", since).text
    )


# ---- write


def test_write_and_body(apps: Site) -> None:
    response = apps.get("/write_callable")
    assert response.body == b"one two three four"
    assert response.complete


def test_write_sends_at_once(apps: Site) -> None:
    with apps.client() as client:
        client.start("GET", "/write_callable?pause=0.4")
        client.socket.settimeout(0.3)
        response = client.start_response()
        parts = client.parts(response)
        assert next(parts) == b"one "
        with pytest.raises(TimeoutError):
            next(parts)


@pytest.mark.parametrize("what", ["text", "none", "number", "list"])
def test_write_of_what_is_not_bytes(apps: Site, what: str) -> None:
    _, entry = failed(apps, "/write_wrong" + query(what=what))
    assert "TypeError: write() takes bytes" in entry.text


def test_failure_page_hides_the_traceback(apps: Site) -> None:
    response = apps.get("/start_twice")
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert b"Traceback" not in response.body
    assert b"start_twice.py" not in response.body


def test_connection_works_after_a_failure(apps: Site) -> None:
    if apps.is_apache:
        pytest.skip("httpd itself ends the connection after every 500")
    with apps.client() as client:
        assert client.get("/start_twice").status == 500
        assert client.get("/hello").status == 200


WRITERS = """
import threading

def app(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    again = ("200 OK", [("X-Long", "x" * 2000)], (ValueError, ValueError(), None))

    def run():
        for _ in range(30):
            for use in (lambda: write(b"x" * 1000), lambda: start_response(*again)):
                try:
                    use()
                except Exception:
                    pass

    for _ in range(2):
        threading.Thread(target=run).start()
    if environ["PATH_INFO"] == "/list":
        return [b"list " * 100]
    return (b"part " * 100 for _ in range(10))
"""


def test_threads_that_write_beside_the_body(serve: Callable[..., Serve], tmp_path: Path) -> None:
    """They are refused, or the request is: a response is written by one thread at a time."""
    (tmp_path / "writers.py").write_text(WRITERS)
    started = serve("writers:app", "--threads", "6", root=tmp_path)
    deadline = time.monotonic() + 3

    def ask() -> None:
        while time.monotonic() < deadline:
            with suppress(NoResponse, ConnectionError, ValueError), started.client() as client:
                for target in ("/list", "/parts") * 10:
                    client.get(target)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    with started.client() as client:
        assert client.get("/list").version == "HTTP/1.1"
    assert started.log.text().count("is ready") == 1, "the worker has not been replaced"
