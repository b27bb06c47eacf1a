# SPDX-License-Identifier: Apache-2.0
"""The demo site in a real browser; what it looks like is kept in build/screenshots."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.paths import SCREENSHOTS
from harness.site import Site

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
)
WAIT = 20


def find(*names: str) -> str | None:
    """The first of these programs that is there."""
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, service = find("chromium", "chromium-browser", "google-chrome"), find("chromedriver")
    if not browser or not service:
        pytest.skip("there is no Chromium with chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    made.set_page_load_timeout(WAIT)
    yield made
    made.quit()


class Page:
    """What the tests do in the browser."""

    def __init__(self, driver: Any, site: Site) -> None:
        self.driver = driver
        self.site = site

    def open(self, target: str) -> None:
        """Go to a page of the site."""
        self.driver.get(self.site.url + target)

    def one(self, css: str) -> Any:
        """The element, which may take a while to come."""
        from selenium.webdriver.support.expected_conditions import presence_of_element_located
        from selenium.webdriver.support.wait import WebDriverWait

        found = presence_of_element_located(("css selector", css))
        return WebDriverWait(self.driver, WAIT).until(found)

    def fill(self, css: str, text: str) -> None:
        """Type into a field."""
        self.one(css).send_keys(text)

    def submit(self, css: str) -> None:
        """Press a button and wait for the next page."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.expected_conditions import staleness_of
        from selenium.webdriver.support.wait import WebDriverWait

        button = self.one(css)
        button.click()
        # Asked in the middle of a change of pages, chromedriver may answer with "unhandled
        # inspector error" instead of "stale": then it is asked again.
        wait = WebDriverWait(self.driver, WAIT, ignored_exceptions=[WebDriverException])
        wait.until(staleness_of(button))

    def picture(self, name: str) -> None:
        """Keep what it looks like."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{self.site.server}-{name}.png"
        assert self.driver.save_screenshot(str(path))
        assert path.stat().st_size > 5000, "an empty page"

    def style(self, css: str, name: str) -> str:
        """A computed style, to see that style sheets have come."""
        return str(self.one(css).value_of_css_property(name))

    def complaints(self) -> list[str]:
        """What the browser's console has since last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


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
