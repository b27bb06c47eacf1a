# SPDX-License-Identifier: Apache-2.0
"""Bundles: Python, PyISAPIe, an application and its packages in one archive, which runs where it is
unpacked. docs/bundle.md tells what lies where.

A runtime is a bundle without an application. Standard library only, and nothing of the package at
import: ``./dev bundle`` uses it on a Python that has none.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MARKER = "bundle.json"
APP, PACKAGES = "app", "packages"
LAUNCHER = "pyisapie-launcher"  # as it lies in the package

# What no bundle needs of a Python.
UNWANTED = (
    "__pycache__", "*.pyc", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip",
    "lib2to3", "site-packages", "dist-packages", "config-*", "_tkinter*", "_test*", "xxlimited*",
    "pydoc_data", "sitecustomize.py", "usercustomize.py", "EXTERNALLY-MANAGED",
)  # fmt: skip

# What lies in an application's folder but is not part of it.
NOT_OF_APP = {"__pycache__", ".git", ".hg", ".svn", ".tox", ".mypy_cache", ".pytest_cache"}

SITE_CUSTOMIZE = f'''\
# SPDX-License-Identifier: Apache-2.0
"""The folders of this bundle on sys.path."""

import os
import site
import sys

_top = os.path.dirname(sys.base_prefix)
site.addsitedir(os.path.join(_top, "{PACKAGES}"))
sys.path.append(os.path.join(_top, "{APP}"))
'''

NOTES = {
    APP: "The application goes here: app.py, for `pyisapie serve app:app`; settings into\n"
    'pyisapie.toml, such as app = "app:app".\n',
    PACKAGES: "What the application needs goes here:\n"
    "pip install --target this-folder ... (for {platform}, Python {python}).\n",
}

# pip judges the conditions of requirements by the Python that runs it; here, by the target's.
PIP = """\
import json, runpy, sys
from pip._vendor.packaging import markers
given = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(given)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class BundleError(Exception):
    """A bundle cannot be made; the text says why, and what to do."""


@dataclass(frozen=True)
class Target:
    """A system that bundles are made for."""

    name: str
    platform: str
    suffix: str  # of the archive
    launcher: str
    tags: tuple[str, ...]  # of wheels, as pip knows them
    markers: dict[str, str]

    def library(self, python: str) -> str:
        """The folder that holds the package pyisapie: on sys.path wherever the bundle lies."""
        return "python" if self.name == "windows" else f"python/lib/python{feature(python)}"


def _markers(os_name: str, platform: str, system: str, machine: str) -> dict[str, str]:
    return {
        "os_name": os_name,
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


GLIBC = range(35, 4, -1)  # the oldest system that a bundle for Linux may meet has 2.35
TARGETS = {
    target.name: target
    for target in (
        Target(
            "windows", "windows-x86_64", ".zip", "pyisapie.exe", ("win_amd64",),
            _markers("nt", "win32", "Windows", "AMD64"),
        ),
        Target(
            "linux", "linux-x86_64", ".tar.gz", "bin/pyisapie",
            (*(f"manylinux_2_{minor}_x86_64" for minor in GLIBC), "manylinux2014_x86_64",
             "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"),
            _markers("posix", "linux", "Linux", "x86_64"),
        ),
    )
}  # fmt: skip


def feature(python: str) -> str:
    """3.13 of 3.13.2."""
    return ".".join(python.split(".")[:2])


def this_target() -> str:
    """The name of the target that this machine is."""
    return "windows" if os.name == "nt" else "linux"


# ---- archives ----


def _clean(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of who made it and where."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.pax_headers = {}  # those of a copied member hold its old name
    return info


class Archive:
    """An archive that is being written: everything lies in one folder at its top."""

    def __init__(self, file: Path, top: str) -> None:
        self._top = top
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        if _is_zip(file):
            self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False)
        else:
            self._tar = tarfile.open(file, "w:gz")  # noqa: SIM115 # close() does

    def close(self) -> None:
        """Finish it."""
        for archive in (self._zip, self._tar):
            if archive:
                archive.close()

    def add_text(self, name: str, text: str) -> None:
        """A file with this text."""
        data = text.encode()
        if self._zip:
            self._zip.writestr(f"{self._top}/{name}", data)
        elif self._tar:
            info = tarfile.TarInfo(f"{self._top}/{name}")
            info.size, info.mtime = len(data), int(time.time())
            self._tar.addfile(info, io.BytesIO(data))

    def add_folder(self, folder: Path, name: str = "") -> None:
        """All files of a folder, below this name."""
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder).as_posix()
            self.add_file(path, f"{name}/{inner}" if name else inner)

    def add_file(self, path: Path, name: str) -> None:
        """A file, or a link; folders come by themselves."""
        if path.is_dir() and not path.is_symlink():
            return
        if self._zip:
            self._zip.write(path, f"{self._top}/{name}")
        elif self._tar:
            info = self._tar.gettarinfo(path, f"{self._top}/{name}")
            with contextlib.ExitStack() as stack:
                data = stack.enter_context(path.open("rb")) if info.isreg() else None
                self._tar.addfile(_clean(info), data)

    def add_zip_member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
        """A member of another zip file."""
        data = archive.read(info)
        assert self._zip  # the target is the same
        info.filename = f"{self._top}/{name}"
        self._zip.writestr(info, data)

    def add_tar_member(self, info: tarfile.TarInfo, data: IO[bytes] | None, name: str) -> None:
        """A member of another tar file, with its mode, or a link."""
        assert self._tar
        if info.islnk():
            inner = info.linkname.partition("/")[2]
            info.linkname = f"{self._top}/{inner}"
        info.name = f"{self._top}/{name}"
        self._tar.addfile(_clean(info), data)


def _is_zip(file: Path) -> bool:
    return file.suffix.lower() == ".zip"


def _is_inside(name: str, link: str = "") -> bool:
    """Whether a member of a runtime, or what it links to, lies where that is unpacked."""
    if ".." in name.split("/"):
        return False
    end = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return not name.startswith("/") and end != ".." and not end.startswith(("/", "../"))


def top_of(file: Path) -> str:
    """The folder that an archive of this name unpacks to."""
    return re.sub(r"(\.zip|\.tar\.gz|\.tgz)$", "", file.name, flags=re.IGNORECASE)


class Runtime:
    """A runtime archive that is read, until close()."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        if not file.is_file():
            raise BundleError(f"There is no runtime {file}. ./dev bundle makes one.")
        try:
            self._open()
        except (KeyError, ValueError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            self.close()
            raise BundleError(
                f"{file} is no runtime of PyISAPIe, or is damaged ({type(error).__name__}). "
                "Download it again, or make one: ./dev bundle."
            ) from error

    def _open(self) -> None:
        if _is_zip(self.file):
            self._zip = zipfile.ZipFile(self.file)
        else:
            self._tar = tarfile.open(self.file)  # noqa: SIM115 # close() does
        self._members = dict(self._list())
        for name, member in self._members.items():
            link = member.linkname if self._tar and member.issym() else ""
            hard = member.linkname if self._tar and member.islnk() else ""
            odd = self._zip and re.search(r"[\\:]", name)
            if odd or not _is_inside(name, link) or not _is_inside(hard):
                raise ValueError(name)
        marker = json.loads(self._read(self._members[MARKER]))
        self.python, self.platform = str(marker["python"]), str(marker["platform"])
        self.has_app = bool(marker["app"])

    def close(self) -> None:
        """Close the file."""
        for archive in (self._zip, self._tar):
            if archive:
                archive.close()

    def _list(self) -> Iterator[tuple[str, Any]]:
        for entry in self._zip.infolist() if self._zip else ():
            yield entry.filename.partition("/")[2], entry
        for member in self._tar or ():
            yield member.name.partition("/")[2], member

    def _read(self, member: Any) -> bytes:
        if self._zip:
            return self._zip.read(member)
        assert self._tar
        data = self._tar.extractfile(member)
        return data.read() if data else b""

    def check(self, target: Target) -> None:
        """BundleError when no bundle for the target can be made of it."""
        if self.platform != target.platform:
            raise BundleError(
                f"{self.file} is for {self.platform}, not for {target.platform}. "
                "Name another one, or another --target."
            )
        if self.has_app:
            raise BundleError(
                f"{self.file} is a bundle that has an application already. Give --runtime the "
                "archive that ./dev bundle makes."
            )

    def copy(self, archive: Archive) -> None:
        """Write all of it into an archive, but for its marker and the places for an application."""
        for name, member in self._members.items():
            if not name or name == MARKER or name.partition("/")[0] in (APP, PACKAGES):
                continue
            if self._zip and not member.is_dir():
                archive.add_zip_member(self._zip, member, name)
            elif self._tar and not member.isdir():
                data = self._tar.extractfile(member) if member.isreg() else None
                archive.add_tar_member(member, data, name)


# ---- a runtime ----


def marker_text(target: Target, python: str, app: bool) -> str:
    """What the marker of a bundle holds."""
    return json.dumps({"platform": target.platform, "python": python, "app": app}) + "\n"


def make_runtime(
    target: Target, python: str, folder: Path, package: Path, launcher: Path, output: Path
) -> None:
    """Write a runtime.

    python: its version. folder: what becomes the folder "python" of the bundle. package: the
    folder of pyisapie, with the binaries. launcher: the program.
    """
    library = target.library(python)
    archive = Archive(output, top_of(output))
    try:
        archive.add_text(MARKER, marker_text(target, python, False))
        archive.add_folder(folder, "python")
        for file in sorted(package.iterdir()):
            if file.is_file() and not file.name.startswith(LAUNCHER):
                archive.add_file(file, f"{library}/pyisapie/{file.name}")
        archive.add_file(package.parent / "PyISAPIe.py", f"{library}/PyISAPIe.py")
        for file in sorted((package.parent / "Http").glob("*.py")):
            archive.add_file(file, f"{library}/Http/{file.name}")
        archive.add_text(f"{library}/sitecustomize.py", SITE_CUSTOMIZE)
        archive.add_file(launcher, target.launcher)
        for name, text in NOTES.items():
            note = text.format(platform=target.platform, python=feature(python))
            archive.add_text(f"{name}/README.txt", note)
    finally:
        archive.close()


def copy_python(source: Path, folder: Path, unwanted: tuple[str, ...] = UNWANTED) -> None:
    """A folder of Python's, without what no bundle needs."""
    shutil.copytree(
        source, folder, symlinks=False, ignore=shutil.ignore_patterns(*unwanted), dirs_exist_ok=True
    )


def installed_runtime(folder: Path) -> Path:
    """A runtime made of the Python that runs this, and of the package installed in it."""
    from pyisapie import _engine

    target = TARGETS[this_target()]
    package = Path(_engine.__file__).parent
    launcher = package / (f"{LAUNCHER}.exe" if os.name == "nt" else LAUNCHER)
    if not launcher.is_file():
        raise BundleError(
            f"There is no {launcher.name} in {package}. Install pyisapie again, or give a runtime: "
            "--runtime FILE."
        )
    python = folder / "python"
    if os.name == "nt":
        _copy_installed_windows(Path(sys.base_prefix), python)
    else:
        _copy_installed_posix(Path(sys.base_prefix), python)
        _check_moved(python)
    output = folder / f"runtime{target.suffix}"
    version = ".".join(map(str, sys.version_info[:3]))
    make_runtime(target, version, python, package, launcher, output)
    return output


def _copy_installed_windows(base: Path, python: Path) -> None:
    """The folders that are on the path of this Python, and a ._pth file that names them."""
    python.mkdir()
    for pattern in ("python*.exe", "python3*.dll", "vcruntime*.dll", "LICENSE*"):
        for file in base.glob(pattern):
            shutil.copy(file, python)
    lines = []
    for entry in map(Path, sys.path):
        inside = entry.is_relative_to(base) and entry != base
        if not inside or "site-packages" in entry.parts:
            continue
        lines.append(str(entry.relative_to(base)))
        if entry.is_dir():
            copy_python(entry, python / entry.relative_to(base))
        elif entry.is_file():
            shutil.copy(entry, python)
    name = f"python{sys.version_info.major}{sys.version_info.minor}"
    (python / f"{name}._pth").write_text("\n".join([*lines, ".", "import site", ""]), "utf-8")


def _copy_installed_posix(base: Path, python: Path) -> None:
    """bin/python3.X, lib/python3.X and the shared library."""
    import sysconfig

    name = f"python{feature(sys.version)}"
    (python / "bin").mkdir(parents=True)
    (python / "lib").mkdir()
    executable = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    shutil.copy(executable, python / "bin" / name)
    (python / "bin" / "python3").symlink_to(name)
    copy_python(Path(os.__file__).parent, python / "lib" / name)
    library = sysconfig.get_config_var("INSTSONAME") or ""
    found = Path(sysconfig.get_config_var("LIBDIR") or base / "lib", library)
    if ".so" in library and found.is_file():
        shutil.copy(found, python / "lib")


def _check_moved(python: Path) -> None:
    """Run the copy: not every Python can be moved. BundleError then."""
    code = "import sys, ssl, json; print(json.dumps([sys.prefix, open('/proc/self/maps').read()]))"
    done = subprocess.run(
        [python / "bin" / "python3", "-I", "-c", code], capture_output=True, text=True, check=False
    )
    good = done.returncode == 0
    if good:
        prefix, maps = json.loads(done.stdout)
        libraries = set(re.findall(r"/\S*/libpython3\S*", maps))
        good = os.path.realpath(prefix) == os.path.realpath(python) and all(
            name.startswith(os.path.realpath(python)) for name in libraries
        )
    if not good:
        raise BundleError(
            f"The Python in {sys.base_prefix} cannot be moved to another place, so no bundle can "
            "be made of it. Give a runtime: --runtime FILE (./dev bundle makes one)."
        )


# ---- a bundle ----


def build(
    app: Path,
    requirements: Path | None,
    target: Target,
    runtime: Path | None,
    output: Path | None,
    find_links: list[str],
) -> Path:
    """Make a bundle and return its path. Raises BundleError."""
    if not app.is_dir():
        raise BundleError(f"There is no folder {app}: --app names the one of the application.")
    if requirements and not requirements.is_file():
        raise BundleError(f"There is no file {requirements}: --requirements names a list for pip.")
    output = output or Path(f"{app.resolve().name}-{target.platform}{target.suffix}")
    if not output.name.endswith(target.suffix):
        raise BundleError(f"A bundle for {target.name} is a {target.suffix}, not {output}.")
    if not output.absolute().parent.is_dir():
        raise BundleError(f"There is no folder {output.absolute().parent} to write a bundle into.")
    with tempfile.TemporaryDirectory(prefix="pyisapie-") as name:
        folder = Path(name)
        made = folder / output.name
        with contextlib.closing(Runtime(_runtime_for(target, runtime, folder))) as source:
            source.check(target)
            packages = folder / PACKAGES
            packages.mkdir()
            if requirements:
                _install(target, source.python, requirements, packages, find_links)
            _write(made, target, source, app, packages, output)
        shutil.move(made, output)
    return output


def _runtime_for(target: Target, given: Path | None, folder: Path) -> Path:
    if given is None and target.name != this_target():
        raise BundleError(
            f"A bundle for {target.name} needs a runtime for it: --runtime FILE. "
            f"`./dev bundle --target {target.name}` makes one, in a clone of PyISAPIe."
        )
    return given or installed_runtime(folder)


def _write(
    made: Path, target: Target, runtime: Runtime, app: Path, packages: Path, output: Path
) -> None:
    archive = Archive(made, top_of(output))
    try:
        archive.add_text(MARKER, marker_text(target, runtime.python, True))
        runtime.copy(archive)
        for path in _files_of_app(app, output):
            archive.add_file(path.resolve(), f"{APP}/{path.relative_to(app).as_posix()}")
        archive.add_folder(packages, PACKAGES)
        if not any(packages.iterdir()):
            archive.add_text(f"{PACKAGES}/README.txt", "Nothing was asked for.\n")
    finally:
        archive.close()


def _files_of_app(app: Path, output: Path) -> Iterator[Path]:
    """The files of an application, without virtual environments, caches and the bundle itself."""
    for name, folders, files in os.walk(app, followlinks=True):
        folder = Path(name)
        above = {folder.resolve(), *folder.resolve().parents}
        folders[:] = sorted(
            inner
            for inner in folders
            if inner not in NOT_OF_APP
            and not (folder / inner / "pyvenv.cfg").is_file()
            and (folder / inner).resolve() not in above  # a link that leads round in a circle
        )
        for file in sorted(files):
            path = (folder / file).resolve()
            if not file.endswith(".pyc") and path.is_file() and path != output.resolve():
                yield folder / file


# ---- packages ----


def _install(
    target: Target, python: str, requirements: Path, folder: Path, find_links: list[str]
) -> None:
    """Let pip lay the packages for the target into a folder. Raises BundleError."""
    if not importlib.util.find_spec("pip"):
        raise BundleError(
            f"This needs pip, which {sys.executable} does not have: run it with "
            "-m ensurepip, or call pyisapie of another environment."
        )
    markers = target.markers | {
        "python_version": feature(python),
        "python_full_version": python,
        "implementation_version": python,
    }
    command = [
        sys.executable, "-c", PIP, json.dumps(markers), "install", "--quiet", "--no-input",
        "--disable-pip-version-check", "--no-compile", "--no-warn-conflicts",
        "--only-binary=:all:", "--implementation", "cp", "--python-version", feature(python),
        "--abi", "cp" + feature(python).replace(".", ""),  # else that of the Python that runs pip
        *(word for tag in target.tags for word in ("--platform", tag)),
        *(word for link in find_links for word in ("--find-links", link)),
        "--target", str(folder), "-r", str(requirements),
    ]  # fmt: skip
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise _pip_failed(done.stdout, target, python)
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that name this machine's Python


def _pip_failed(said: str, target: Target, python: str) -> BundleError:
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing:
        return BundleError(
            f"pip finds no wheel of {missing[1]} for {target.platform} and Python "
            f"{feature(python)}: check the name and the version. If the package has no "
            "wheels, make one (pip wheel NAME) and name its folder: --find-links FOLDER."
        )
    tail = "\n  ".join(said.strip().splitlines()[-12:])
    return BundleError(f"pip could not install the packages. It said:\n  {tail}")
