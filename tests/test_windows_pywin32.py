# SPDX-License-Identifier: Apache-2.0
"""A third party's ISAPI extensions in our host: pywin32's PyISAPI_loader.dll."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import windows
from harness.paths import TESTS
from harness.serve import Serve
from harness.site import IIS, Site

pytestmark = pytest.mark.skipif(not windows.NAME, reason="pywin32 is for Windows")

# What an installed pywin32 does at Python's start (pywin32.pth).
START = "import os\nos.add_dll_directory({folder!r})\n"


def _serve(folder: Path, module: Path, *more: str) -> Serve:
    """The loader takes its module from its own file's name, after a "_"."""
    for file in [*windows.python().glob("*.dll"),
                 *(windows.PACKAGES / "pywin32_system32").glob("*.dll")]:  # fmt: skip
        shutil.copy(file, folder)
    door = folder / f"_{module.stem}.dll"
    shutil.copy(windows.PACKAGES / "isapi" / "PyISAPI_loader.dll", door)
    text = START.format(folder=windows.path(folder)) + module.read_text()
    (folder / module.name).write_text(text)
    parts = [windows.PACKAGES, *(windows.PACKAGES / name for name in ("win32", "win32/lib"))]
    path = ";".join(windows.path(part) for part in [folder, *parts])
    env = {"PYTHONHOME": windows.path(windows.python()), "PYTHONPATH": path}
    args = ["--quirks", "iis", "--door", windows.path(door), "--applications",
            f"/={windows.path(folder)}", *more]  # fmt: skip
    return Serve(folder / "serve", "", *args, root=None, env=env)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:

        def begin(module: Path, *more: str) -> Site:
            folder = tmp_path_factory.mktemp("pywin32")
            return stack.enter_context(_serve(folder, module, *more)).site(IIS)

        yield begin


@pytest.fixture(scope="module")
def threads(start: Callable[..., Site]) -> Site:
    """Requests that pend, and end on another thread."""
    return start(TESTS / "windows" / "pywin32_threads.py")


@pytest.fixture(scope="module")
def sample(start: Callable[..., Site]) -> Site:
    """pywin32's sample, which answers within HttpExtensionProc.

    Not with strict checks: it ends sessions by DONE_WITH_SESSION and then returns SUCCESS. Its file
    is not asked for: it returns SUCCESS while the asynchronous TRANSMIT_FILE has only begun.
    """
    return start(windows.PACKAGES / "isapi" / "samples" / "test.py", "--strict-isapi=off")


def test_unknown_variables(threads: Site) -> None:
    assert threads.get("/unknown").body == b"True"


def test_long_variables(threads: Site) -> None:
    assert threads.get("/long?" + "x" * 7500).body == b"7500"


def test_unicode_variables(threads: Site) -> None:
    assert threads.get("/unicode").body == b"True"


@pytest.mark.parametrize("size", [0, 10, 48 * 1024, 1_000_000])
def test_bodies(threads: Site, size: int) -> None:
    body = b"b" * size
    assert threads.post("/body", body).body == hashlib.sha256(body).hexdigest().encode()


def test_its_error_page(threads: Site) -> None:
    assert b"AttributeError" in threads.get("/no_such_test").body


def test_many_at_once(threads: Site) -> None:
    clients = [threads.client() for _ in range(20)]
    for client in clients:
        client.start("GET", "/unicode")
    for client in clients:
        with client:
            assert client.response().body == b"True"


def test_the_sample_page(sample: Site) -> None:
    body = sample.get("/anything").body
    assert b"The root of this site is at" in body
    assert b"pywin32" in body  # the folder's name
