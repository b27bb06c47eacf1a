# SPDX-License-Identifier: Apache-2.0
"""The examples in a real browser; what they look like is kept in build/screenshots."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from harness.browser import Page
from harness.examples import Examples

pytestmark = pytest.mark.browser


@pytest.fixture
def page(driver: Any, examples: Examples, request: pytest.FixtureRequest) -> Page:
    """The example that the test is named after."""
    name = request.node.originalname.removeprefix("test_").partition("_")[0]
    found = Page(driver, examples.site(name))
    driver.get("about:blank")  # the page before may still ask its server
    driver.delete_all_cookies()
    found.complaints()
    return found


def test_info(page: Page) -> None:
    page.open("/?a=%3Cb%3E")
    assert page.one("h1").text == "PyISAPIe serves here"
    assert page.style(".panel", "border-top-style") == "solid"
    name = '[data-name="requests to this page"]'
    before = page.one(name).text
    page.picture("example-info")
    deadline = time.monotonic() + 10
    while page.one(name).text == before:  # the script on it asks again
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert page.complaints() == []


def test_guestbook(page: Page) -> None:
    text = f"<b>Grüße</b> & {time.time_ns()}"
    page.open("/")
    page.fill("[name=name]", "Jürgen")
    page.fill("[name=text]", text)
    page.submit("#entry button")
    assert page.one("#entries b").text == "Jürgen"
    assert page.one("#entries p").text == text
    page.picture("example-guestbook")
    assert page.complaints() == []


def test_upload(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "größe.bin"
    file.write_bytes(bytes(range(256)) * 500)
    page.open("/")
    page.fill("[name=file]", str(file))
    page.submit("#upload button")
    assert page.one("#saved").text.startswith("Saved: größe")
    assert "128,000" in page.one("#files").text
    page.picture("example-upload")
    assert page.complaints() == []


def test_clock(page: Page) -> None:
    page.open("/?seconds=1")
    deadline = time.monotonic() + 10
    while page.one("#state").text != "It has ended.":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert page.one("#lines").text.count("UTC") == 2
    page.picture("example-clock")
    assert page.complaints() == []
