# SPDX-License-Identifier: Apache-2.0
"""The Windows binaries themselves: what they need, what they tell, and what they never load."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import windows
from harness.paths import APPS
from harness.serve import Serve

pytestmark = pytest.mark.skipif(not windows.NAME, reason="of the Windows binaries")

SYSTEM = {"kernel32.dll", "advapi32.dll", "ws2_32.dll", "ucrt"}
OF_LIBUV = {"iphlpapi.dll", "userenv.dll", "user32.dll", "dbghelp.dll", "ole32.dll", "shell32.dll"}
ALLOWED = {
    "pyisapie.dll": SYSTEM,
    "pyisapie-host.exe": SYSTEM | OF_LIBUV,
    "pyisapie-launcher.exe": SYSTEM,
    "_engine": SYSTEM | {"python"},
    "_host": SYSTEM | OF_LIBUV | {"python"},
}
EXPORTS = ["GetExtensionVersion", "HttpExtensionIdle", "HttpExtensionProc", "HttpExtensionWarm",
           "TerminateExtension"]  # fmt: skip

# Of Python, of us, and of what Python's extension modules need: all names that could be mistaken.
TAG = windows.NAME.removeprefix("windows-").replace(".", "")
HOSTILE = ["python3.dll", f"python{TAG}.dll", "vcruntime140.dll", "vcruntime140_1.dll",
           "sqlite3.dll", "libcrypto-3.dll", "libssl-3.dll", "libffi-8.dll",
           f"_engine.cp{TAG}-win_amd64.pyd", "pyisapie.dll", "psapi.dll",
           "version.dll"]  # fmt: skip
HOSTILE_C = """
#include <windows.h>
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved) {
  HANDLE file = CreateFileW(L"%s", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
  CloseHandle(file);
  return TRUE;
}
"""


def _dump(file: Path) -> str:
    command = ["x86_64-w64-mingw32-objdump", "-p", str(file)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def _binaries() -> list[Path]:
    folder = windows.FOLDER / "package" / "pyisapie"
    return sorted(p for p in folder.iterdir() if p.suffix in (".dll", ".exe", ".pyd"))


def _name(file: Path) -> str:
    return file.name.split(".")[0] if file.suffix == ".pyd" else file.name


def test_all_are_there() -> None:
    assert sorted(map(_name, _binaries())) == sorted(ALLOWED)


def test_nothing_is_needed_but_the_system_and_python() -> None:
    for file in _binaries():
        needed = {name.lower() for name in re.findall(r"DLL Name: (\S+)", _dump(file))}
        needed = {re.sub(r"^python\d+\.dll$", "python", name) for name in needed}
        needed = {re.sub(r"^api-ms-win-crt-[\w-]+\.dll$", "ucrt", name) for name in needed}
        assert needed <= ALLOWED[_name(file)], file.name


def test_programs_may_have_long_paths() -> None:
    for file in _binaries():
        is_aware = b"<longPathAware" in file.read_bytes()
        assert is_aware is (file.suffix == ".exe"), file.name


def test_exports_of_the_door() -> None:
    (door,) = (file for file in _binaries() if file.name == "pyisapie.dll")
    table = _dump(door).split("[Ordinal/Name Pointer] Table")[1].split("\n\n")[0]
    assert re.findall(r"\] (\w+)$", table, re.M) == EXPORTS


def test_each_is_64_bit_relocatable_and_not_executable_as_data() -> None:
    for file in _binaries():
        text = _dump(file)
        for trait in ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT"):
            assert trait in text, f"{file.name}: {trait}"


def test_each_tells_its_version() -> None:
    for file in _binaries():
        data = file.read_bytes()
        assert "ProductVersion\0".encode("utf-16-le") in data, file.name
        assert "PyISAPIe\0".encode("utf-16-le") in data, file.name


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of libraries that nobody should load, and the file that they leave."""
    folder, mark = tmp_path / "hostile", tmp_path / "loaded"
    folder.mkdir()
    source = tmp_path / "hostile.c"
    source.write_text(HOSTILE_C % windows.path(mark).replace("\\", "\\\\"))
    first = folder / HOSTILE[0]
    command = ["x86_64-w64-mingw32-gcc", "-shared", "-o", str(first), str(source)]
    subprocess.run(command, check=True)
    for name in HOSTILE[1:]:
        (folder / name).write_bytes(first.read_bytes())
    return folder, mark


def test_hostile_libraries_do_what_the_test_thinks(hostile: tuple[Path, Path]) -> None:
    folder, mark = hostile
    code = f"import ctypes; ctypes.CDLL(r'{windows.path(folder / 'sqlite3.dll')}')"
    windows.run_python(windows.python() / "python.exe", "-c", code)
    assert mark.exists()


def test_no_library_is_taken_from_the_current_folder_or_path(
    hostile: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, mark = hostile
    with Serve(tmp_path / "serve", "standard_library:app", root=APPS, cwd=folder,
               env={"WINEPATH": windows.path(folder)}) as serve:  # fmt: skip
        assert serve.site().get("/").status == 200
    assert not mark.exists()


def test_home_may_be_written_with_slashes(serve: Callable[..., Serve]) -> None:
    """Wine would find what python3XX.dll needs beside it in either case: Windows would not."""
    home = windows.path(windows.python()).replace("\\", "/")
    started = serve("hello:app", env={"PYISAPIE_HOME": home})
    assert started.site().get("/").body == b"Hello, world!\n"
