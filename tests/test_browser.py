# SPDX-License-Identifier: Apache-2.0
"""The demo site in a real browser; what it looks like is kept in build/screenshots."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from harness.browser import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def page(driver: Any, servers: Any, server: str) -> Page:
    """The demo site of each host in the browser."""
    found = Page(driver, servers.site(server, "demo"))
    driver.delete_all_cookies()
    found.complaints()
    return found


def test_front_page(page: Page) -> None:
    page.open("/")
    assert page.one("h1").text == "It works"
    assert page.style("header", "background-color") == "rgba(34, 87, 122, 1)"
    assert len(page.driver.find_elements("css selector", ".cards a")) >= 7
    page.picture("front")
    assert page.complaints() == []


def test_login(page: Page) -> None:
    page.open("/admin/")
    page.picture("login")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.submit("input[type=submit]")
    assert page.one("#content h1").text == "Site administration"
    assert page.style("#header", "background-color") not in ("rgba(0, 0, 0, 0)", "")
    page.picture("admin")
    assert page.complaints() == []


def test_form(page: Page) -> None:
    text = f"Grüße <b>{time.time_ns()}</b>"
    page.open("/guestbook/")
    page.fill("#id_name", "Jürgen")
    page.fill("#id_text", text)
    page.submit("#entry-form button")
    assert page.driver.current_url.endswith("/guestbook/")
    assert "Jürgen" in page.one("#entries h2").text
    assert page.one("#entries p").text == text
    page.picture("guestbook")
    assert page.complaints() == []


def test_upload(page: Page, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8000
    file = tmp_path / "größe.bin"
    file.write_bytes(content)
    page.open("/upload/")
    page.fill("#id_file", str(file))
    page.submit("#upload-form button")
    assert page.one("#name").text == "größe.bin"
    assert page.one("#size").text == str(len(content))
    assert page.one("#sha256").text == hashlib.sha256(content).hexdigest()
    page.picture("upload")
    assert page.complaints() == []


def test_error_page(page: Page) -> None:
    page.open("/error/")
    assert page.one("h1").text == "Something went wrong here"
    page.picture("error")
    assert any("500" in complaint for complaint in page.complaints())


def test_address_beyond_ascii(page: Page) -> None:
    page.open("/")
    page.driver.find_element("partial link text", "Grüße").click()
    assert page.one("#name").text == "Jürgen Ω 例"
    page.picture("greeting")


def test_streamed_page(page: Page) -> None:
    page.open("/stream/?lines=5&pause=0.1")
    assert "Line 5 of 5" in page.one("body").text


def test_start_page(page: Page, servers: Any) -> None:
    """What an administrator sees of an application that does not start."""
    if page.site.server != "apache":
        pytest.skip("one host is enough: the page is the door's")
    page.site = servers.site("apache", "broken")
    page.open("/")
    assert "no_such_module" in page.one("h1").text
    page.picture("start-failure")
