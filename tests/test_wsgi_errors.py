# SPDX-License-Identifier: Apache-2.0
"""The error log: what goes there, with which id, and that it never goes to a client."""

from __future__ import annotations

import threading

import pytest
from harness.logs import Entry
from harness.site import Site, query


def logged(site: Site, target: str) -> list[Entry]:
    """The entries of one request, which tells its id as its body."""
    since = site.log.mark()
    request_id = site.get(target).text
    return [entry for entry in site.log.entries(since) if entry.request_id == request_id]


def levels(entries: list[Entry]) -> dict[str, str]:
    """Text to level."""
    return {entry.text: entry.level for entry in entries}


def test_wsgi_errors(apps: Site) -> None:
    found = levels(logged(apps, "/log_errors"))
    assert found == dict.fromkeys(
        ["errors-write", "errors-line-1", "errors-line-2", "errors-print 42"], "APP"
    )


def test_print(apps: Site) -> None:
    found = levels(logged(apps, "/log_print"))
    assert found["printed-out 1 2"] == "INFO"
    assert found["printed-err 3 4"] == "APP"
    assert found["several-words-on-one-line"] == "INFO"
    assert found["without an end"] == "INFO"
    assert len(found) == 4


def test_logging(apps: Site) -> None:
    entries = logged(apps, "/log_logging")
    texts = [entry.text for entry in entries]
    assert "logging-warning with arguments" in texts
    assert "logging-info" in texts
    (trace,) = (text for text in texts if text.startswith("logging-exception"))
    assert "ValueError: logged with its traceback" in trace


def test_warnings(apps: Site) -> None:
    entries = logged(apps, "/log_warnings")
    assert any("UserWarning: warned-of-this" in entry.text for entry in entries)


def test_nothing_of_it_reaches_the_client(apps: Site) -> None:
    for target in ("/log_errors", "/log_print", "/log_logging", "/log_warnings"):
        response = apps.get(target)
        assert response.complete
        assert b"-" in response.body
        assert len(response.body) < 40, "only the request's id"


def test_entries_have_the_process(apps: Site) -> None:
    (entry, *_) = logged(apps, "/log_errors")
    assert entry.pid == apps.get("/process").json()["pid"]


def test_characters(apps: Site) -> None:
    since = apps.log.mark()
    request_id = apps.get("/log_characters").text
    text = apps.log.text(since)
    assert "umlaut-\u00e4\u00f6\u00fc-\u03a9-\u4f8b" in text
    assert "lone-\\udcff-surrogate" in text
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "return-\r" not in text
    entries = apps.log.entries(since)
    assert {entry.request_id for entry in entries} == {request_id}, "one entry was forged"
    assert any("forged" in entry.text for entry in entries)


def test_a_very_long_line_is_cut(apps: Site) -> None:
    since = apps.log.mark()
    apps.get("/log_characters")
    (entry,) = (e for e in apps.log.entries(since) if e.text.startswith("long-"))
    assert len(entry.text) < 100_000
    assert "[cut]" in entry.text
    apps.get("/log_errors")
    assert any(e.text == "errors-write" for e in apps.log.entries(since))


def test_threads_of_the_application(apps: Site) -> None:
    since = apps.log.mark()
    assert apps.get("/log_threads").text == "threads done"
    apps.log.wait_entry("printed-in-a-thread", since)
    entry = apps.log.wait_entry("failed-in-a-thread", since)
    assert "RuntimeError" in entry.text


def test_ids_of_requests_at_the_same_time(apps: Site) -> None:
    since = apps.log.mark()
    ids: dict[str, str] = {}

    def ask(mark: str) -> None:
        ids[mark] = apps.get("/log_request" + query(mark=mark)).text

    threads = [threading.Thread(target=ask, args=(f"mark{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {entry.text: entry.request_id for entry in apps.log.entries(since)}
    assert len(set(ids.values())) == 6
    for mark, request_id in ids.items():
        assert found[f"{mark}-first"] == request_id
        assert found[f"{mark}-second"] == request_id


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("runtime", "RuntimeError: plain <b>text</b>"),
        ("unicode", "RuntimeError: \u03a9 \u4f8b"),
        ("surrogate", "RuntimeError: \\udcff"),
        ("chain", "KeyError: 'the cause'"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("base", "OwnBase: a base exception"),
        ("memory", "MemoryError"),
        ("recursion", "RecursionError"),
        ("no-text", "NoText"),
        ("stop", "StopIteration"),
        ("generator-exit", "GeneratorExit"),
        ("long", "RuntimeError: yyyyyyyyy"),
        ("group", "ValueError: one"),
    ],
)
def test_whatever_is_raised(apps: Site, kind: str, expected: str) -> None:
    since = apps.log.mark()
    response = apps.get("/raise_kinds" + query(kind=kind))
    assert response.status == 500
    assert b"<b>" not in response.body
    entry = apps.log.wait_entry("The application failed:", since)
    assert expected in entry.text
    assert "Traceback (most recent call last)" in entry.text
    assert "raise_kinds.py" in entry.text
    assert entry.request_id.encode() in response.body
    assert apps.get("/hello").status == 200, "the process goes on"


def test_process_survives_system_exit(apps: Site) -> None:
    before = apps.get("/process").json()["pid"]
    apps.get("/raise_kinds?kind=exit")
    apps.get("/raise_kinds?kind=interrupt")
    assert apps.get("/process").json()["pid"] == before


def test_streams_are_there(apps: Site) -> None:
    streams = apps.get("/python").json()["streams"]
    assert streams[1] in ("LogStream", "Output")  # of pages, where the process has some
    assert streams[2] == "LogStream"
    assert streams[0] != "NoneType"
