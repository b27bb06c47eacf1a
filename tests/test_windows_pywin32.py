# SPDX-License-Identifier: Apache-2.0
"""A third-party extension in our host: pywin32's PyISAPI_loader.dll with its own test extension.

It pends each request, serves it on threads of its own with the user's token, and ends it there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from harness import windows
from harness.serve import Serve
from harness.site import IIS, Site

pytestmark = pytest.mark.skipif(not windows.NAME, reason="pywin32 is for Windows")

NAME = "extension_simple"  # the loader takes its module from its own file's name


@pytest.fixture(scope="module")
def pywin32(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pywin32")
    python = windows.python()
    for file in [*python.glob("*.dll"), *(windows.PACKAGES / "pywin32_system32").glob("*.dll")]:
        shutil.copy(file, folder)
    door = folder / f"_{NAME}.dll"
    shutil.copy(windows.PACKAGES / "isapi" / "PyISAPI_loader.dll", door)
    shutil.copy(windows.PACKAGES / "isapi" / "test" / f"{NAME}.py", folder)
    parts = [windows.PACKAGES, *(windows.PACKAGES / name for name in ("win32", "win32/lib"))]
    path = ";".join(windows.path(part) for part in [folder, *parts])
    env = {"PYTHONHOME": windows.path(python), "PYTHONPATH": path}
    args = ["--quirks", "iis", "--door", windows.path(door)]
    with Serve(folder / "serve", "", *args, root=None, env=env) as serve:
        yield serve.site(IIS)


@pytest.mark.parametrize("test", ["test1", "test_unicode_vars"])
def test_its_own_tests(pywin32: Site, test: str) -> None:
    response = pywin32.get(f"/{test}")
    assert response.status == 200
    assert b"Finished running test" in response.body
    assert b"worked!" in response.body


def test_long_variables(pywin32: Site) -> None:
    first = pywin32.get("/test_long_vars")
    assert first.status == 301
    location = first.header("Location")
    assert location
    assert b"test worked!" in pywin32.get(location).body


def test_its_error_page(pywin32: Site) -> None:
    response = pywin32.get("/no_such_test")
    assert b"No test named" in response.body


def test_many_at_once(pywin32: Site) -> None:
    clients = [pywin32.client() for _ in range(20)]
    for client in clients:
        client.start("GET", "/test1")
    for client in clients:
        with client:
            assert b"worked!" in client.response().body
