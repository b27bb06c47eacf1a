# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.paths import SCREENSHOTS
from harness.site import Site

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


def start(profile: Path) -> Any:
    """A browser, or a skipped test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, service = find("chromium", "chromium-browser", "google-chrome"), find("chromedriver")
    if not browser or not service:
        pytest.skip("there is no Chromium with chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    made.set_page_load_timeout(WAIT)
    return made


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
