# SPDX-License-Identifier: Apache-2.0
"""Who sees in the browser why an application failed: show-tracebacks, and reload."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.client import Response
from harness.serve import Serve

APP = """
def app(environ, start_response):
    if "late" in environ["QUERY_STRING"]:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"begun")
    raise KeyError("the <secret> of\\0the application")
"""
PAGES = {
    "raises.py": "def Request():\n    raise KeyError('the <secret> of the page')\n",
    "wrong.py": "def Request(:\n",
    "waits.py": "async def Request():\n    pass\n",
    "imports.py": "import no_such_module\ndef Request(): pass\n",
}
PROXY = [("X-Forwarded-For", "192.0.2.1")]
Start = Callable[..., Serve]


def text_of(page: Response) -> str:
    assert page.status == 500
    assert page.header("Content-Type") == "text/html; charset=utf-8"
    assert b"<secret>" not in page.body, "it must be escaped"
    return html.unescape(page.text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with an application and pages, which fail."""
    folder = tmp_path / "root"
    (folder / "www").mkdir(parents=True)
    (folder / "fails.py").write_text(APP)
    for name, text in PAGES.items():
        (folder / "www" / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("options", "here", "elsewhere"),
    [
        ((), False, False),
        (("--show-tracebacks", "local"), True, False),
        (("--show-tracebacks", "local", "--show-errors", "never"), True, False),
        (("--show-tracebacks", "local", "--quirks", "apache"), True, False),
        (("--show-tracebacks", "always"), True, True),
        (("--reload",), True, False),
        (("--reload", "--show-tracebacks", "never"), False, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_who_sees_it(
    serve: Start, root: Path, options: tuple[str, ...], here: bool, elsewhere: bool
) -> None:
    site = serve("fails:app", *options, root=root).site()
    mark = site.log.mark()
    for headers, shown in ([], here), (PROXY, elsewhere):
        text = text_of(site.get("/", headers))
        assert ("<secret>" in text) is shown
        assert ("Traceback (most recent call last)" in text) is shown
        assert ('fails.py", line 5' in text) is shown
    entries = [e for e in site.log.entries(mark) if e.level == "ERROR"]
    assert len(entries) == 2, "one for each request"
    assert all("<secret>" in e.text for e in entries)


def test_one_who_does_not_see_it_learns_where_it_is(serve: Start, root: Path) -> None:
    site = serve("fails:app", root=root).site()
    text = text_of(site.get("/"))
    assert "error log" in text and "show-tracebacks" in text
    reference = text.split("Reference ")[1].split("<")[0]
    assert site.log.wait_entry("<secret>").request_id == reference
    assert "show-tracebacks" not in text_of(site.get("/", PROXY))


def test_a_long_one_is_shown_from_its_end(serve: Start, root: Path) -> None:
    long = (
        "x = '\u20ac' * 100_000\ndef app(environ, start_response):\n    raise ValueError(x + '!')\n"
    )
    (root / "long.py").write_text(long, "utf-8")
    page = serve("long:app", "--show-tracebacks", "local", root=root).site().get("/")
    text = text_of(page)
    assert "\u20ac!" in text and "Traceback" not in text
    assert len(page.body) < 40_000


def test_a_response_that_has_begun_shows_nothing(serve: Start, root: Path) -> None:
    site = serve("fails:app", "--show-tracebacks", "always", root=root).site()
    page = site.get("/?late")
    assert b"secret" not in page.body
    assert not page.complete
    site.log.wait_entry("<secret>")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("raises", "KeyError: 'the <secret> of the page'"),
        ("wrong", "SyntaxError"),
        ("waits", "Request() is an async function, which pages cannot be"),
        ("imports", "No module named 'no_such_module'"),
    ],
)
def test_pages(serve: Start, root: Path, page: str, words: str) -> None:
    site = serve("./www", "--show-tracebacks", "local", root=root).site()
    text = text_of(site.get(f"/{page}.py"))
    assert words in text
    assert f"{page}.py" in text or page == "waits"
    assert "_pages.py" not in text
