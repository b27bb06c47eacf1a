#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of ./dev, which has seen to the system packages before.

Standard library only: it runs on the system's Python and makes the project's environments.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
SOURCES = ("src", "include", "python", "meson.build", "meson.options", "pyproject.toml", "tools")
DEMO = ROOT / "examples" / "demo"
DEMO_APP = "demo.wsgi:application"
OTHER_PYTHON = "cpython-3.14-linux"  # beside the machine's own, in every test run
THREADED_PYTHON = "cpython-3.13t-linux"  # without GIL
ALL_PYTHONS = ("cpython-3.12-linux", "cpython-3.13-linux", "cpython-3.14-linux")
WINDOWS_PYTHONS = ("cpython-3.13-windows",)
ALL_WINDOWS_PYTHONS = (
    "cpython-3.11-windows",
    "cpython-3.12-windows",
    "cpython-3.13-windows",
    "cpython-3.14-windows",
)
BUNDLE_WINDOWS = "cpython-3.13-windows"  # to build against
BUNDLE_WINDOWS_PYTHON = "cpython-3.13-embeddable"  # to run
BUNDLE_WINDOWS_VERSION = "3.13.2"
BUNDLE_LINUX = "cpython-3.13-linux"
NOT_FOR_LINUX = ("readline*", "_curses*", "curses")  # need libraries that differ between systems
OF_THE_C_LIBRARY = ("libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libutil.so",
                    "libpython", "ld-linux")  # fmt: skip
# ./dev test runs all with the machine's Python, with another one this, which depends on it most,
OF_A_PYTHON = ("handlers", "host_python", "modes", "pages", "time_limit", "tracebacks",
               "wsgi_errors")  # fmt: skip
# and in a further mode what is not the host's or the door's business; ./dev test --all all of it.
NOT_OF_A_MODE = ("backpressure", "bench", "bundle", "check_legacy", "examples", "host",
                 "host_logs", "http_limits", "http_strict", "log_rotation", "memory", "settings",
                 "start_failures", "static", "webdav")  # fmt: skip


def files(names: Iterable[str]) -> list[str]:
    """The files of these tests."""
    return [f"tests/test_{name}.py" for name in names]


WINDOWS_TESTS = (
    "-m",
    "not long and not browser",
    *files((
        "http_strict", "http_limits", "validate", "wsgi_body", "wsgi_environ", "wsgi_errors",
        "wsgi_file", "wsgi_input", "wsgi_start_response", "real_apps", "webdav", "httpbin",
        "serve_windows", "static", "pages", "handlers", "sufferings", "examples", "bundle",
        "crash_log", "iis", "log_rotation", "windows_binaries", "windows_probe",
        "windows_pywin32", "windows_service",
    )),
)  # fmt: skip

WINDOWS_HTTPD_TESTS = (
    "-m",
    "not long and not browser",
    *files((
        "apache", "apache_python", "apache_rows", "windows_environ", "start_failures", "validate",
        "wsgi_body", "wsgi_environ", "wsgi_errors", "wsgi_file", "wsgi_input",
        "wsgi_start_response", "real_apps", "webdav", "static",
    )),
)  # fmt: skip


class Failed(Exception):
    """A step that did not succeed; the text says which."""


def say(text: str) -> None:
    print(f"dev: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a command in the project's root; Failed when it ends with another code than 0."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if result.returncode:
        if quiet:
            print(result.stdout, file=sys.stderr)
        raise Failed(f"{' '.join(words)} ended with code {result.returncode}")


# ---- environments ----


class Environment:
    """A virtual environment in the project: .venv for the machine's Python, .venv-3.14 for 3.14."""

    def __init__(self, python: Path, name: str = ".venv", setup: Sequence[str] = ()) -> None:
        self.base = python
        self.setup = setup  # further options of meson setup
        self.folder = ROOT / name
        self.python = self.folder / "bin" / "python"
        self.tag = name.removeprefix(".venv").removeprefix("-") or "default"

    def command(self, name: str) -> Path:
        return self.folder / "bin" / name

    @property
    def env(self) -> dict[str, str]:
        """The variables with which this environment's programs run."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return {"PATH": path, "VIRTUAL_ENV": str(self.folder)}

    def _stamp(self, name: str, text: str) -> tuple[Path, bool]:
        stamp = self.folder / f".stamp-{name}"
        return stamp, stamp.is_file() and stamp.read_text() == text

    def install(self, name: str, requirements: Path) -> None:
        """Make the environment, and install a list of requirements if it has changed."""
        if not self.python.exists():
            say(f"making {self.folder.name}")
            shutil.rmtree(self.folder, ignore_errors=True)
            run(self.base, "-m", "venv", self.folder)
        text = hashlib.sha256(requirements.read_bytes()).hexdigest()
        stamp, done = self._stamp(name, text)
        if done:
            return
        say(f"installing {requirements.relative_to(ROOT)} into {self.folder.name}")
        run(
            self.python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
            requirements,
        )
        stamp.write_text(text)

    @property
    def test_requirements(self) -> Path:
        has_gil = not self.folder.name.endswith("t")
        return ROOT / "tests" / ("requirements-gil.txt" if has_gil else "requirements.txt")

    def install_each(self, name: str, requirements: Path) -> None:
        """Install a list of requirements one by one; what cannot be had here is left out."""
        for line in requirements.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            stamp, done = self._stamp(f"{name}-{line.partition('==')[0]}", line)
            if done:
                continue
            say(f"installing {line} into {self.folder.name}")
            try:
                run(self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                    "--use-pep517", line, quiet=True)  # fmt: skip
            except Failed:
                say(f"{line} cannot be installed here: left out")
            else:
                stamp.write_text(line)

    def build(self) -> None:
        """Build the package and install it, if a source has changed."""
        self.install("tools", ROOT / "tools" / "requirements.txt")
        text = fingerprint()
        stamp, done = self._stamp("build", text)
        if done:
            return
        say(f"building for {self.folder.name}")
        stamp.unlink(missing_ok=True)
        run(self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
            "--no-build-isolation", "--no-deps", "--force-reinstall",
            f"--config-settings=build-dir={BUILD / self.tag}",
            "--config-settings=setup-args=-Dwerror=true",
            *(f"--config-settings=setup-args={option}" for option in self.setup), ".",
            env=self.env)  # fmt: skip
        stamp.write_text(text)


def fingerprint() -> str:
    """Changes when a source does: by names, sizes and times."""
    digest = hashlib.sha256()
    for name in SOURCES:
        top = ROOT / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                stat = path.stat()
                digest.update(f"{path}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def part(name: str) -> Path:
    """The folder of a part of tools/parts.py, which is fetched if need be."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "parts.py"), name],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Failed(f"the part {name} cannot be had")
    return Path(result.stdout.strip().splitlines()[-1])


def machine() -> Environment:
    return Environment(Path(sys.executable))


def environment_of(name: str) -> Environment:
    """The environment of 3.14, of a part such as cpython-3.14-linux, or of a python's path."""
    if os.sep in name:
        return Environment(Path(name), f".venv-{Path(name).name}")
    if name[0].isdigit():
        name = f"cpython-{name}-linux"
    version = name.split("-")[1]
    return Environment(part(name) / "bin" / f"python{version}", f".venv-{version}")


# ---- commands ----


def command_run(options: argparse.Namespace) -> None:
    """Serve an application, a folder with a pyisapie.toml such as examples/info, or the demo."""
    env = machine()
    env.build()
    app = options.app or [DEMO_APP]
    root = [] if options.app else ["--root", str(DEMO)]
    if options.app and (Path(options.app[0]) / "pyisapie.toml").is_file():
        app, root = options.app[1:], ["--root", options.app[0]]
    reload = ["--reload"] if root else []
    if not options.app:
        say("the demo site (user admin, password admin); Ctrl+C ends it")
    words = [str(env.command("pyisapie")), "serve", *app, *root, *reload, *options.rest]
    os.environ.update(env.env)
    os.execv(words[0], words)


def cross_build(folder: Path, machine_name: str, *options: str) -> None:
    """Compile for Windows on x86_64 or aarch64."""
    env = machine()
    env.install("tools", ROOT / "tools" / "requirements.txt")
    env.install("windows", ROOT / "tools" / "requirements-windows.txt")
    cross = ROOT / "tools" / "cross" / f"windows-{machine_name}.ini"
    stamp = folder / ".stamp-cross"
    if not stamp.is_file() or stamp.read_bytes() != cross.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        run(env.command("meson"), "setup", "--cross-file", cross, "-Db_lto=false", *options, folder,
            env=env.env, quiet=True)  # fmt: skip
        shutil.copy(cross, stamp)
    run(env.command("ninja"), "-C", folder, env=env.env, quiet=True)


def build_windows(pythons: Iterable[str]) -> None:
    """Cross-compile everything for Windows against each of these Pythons."""
    for name in pythons:
        folder = BUILD / f"windows-{name.split('-')[1]}"
        cross_build(folder, "x86_64", f"-Dwindows_python={part(name)}")
        made = sorted(
            p for p in (folder / "src").rglob("*") if p.suffix in (".dll", ".pyd", ".exe")
        )
        package = folder / "package" / "pyisapie"
        shutil.rmtree(package.parent, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        for source in (ROOT / "python" / name for name in ("pyisapie", "Http")):
            shutil.copytree(source, package.parent / source.name, ignore=ignored)
        for file in made:
            shutil.copy(file, package)
        shutil.copy(ROOT / "python" / "PyISAPIe.py", package.parent)
        say(f"{folder.relative_to(ROOT)}: {', '.join(p.name for p in made)}")


def build_windows_threaded() -> None:
    """Cross-compile the engine and the host's module for the free-threaded CPython 3.13."""
    python = f"-Dwindows_python={part('cpython-3.13-windows')}"
    cross_build(BUILD / "windows-3.13t", "x86_64", python, "-Dwindows_free_threaded=true")
    say("build/windows-3.13t/src/engine: _engine and _host")


def chosen(arguments: Sequence[str], tests: Sequence[str]) -> list[str]:
    """pytest's arguments, with these tests when none are named."""
    named = any(Path(word.split("::")[0]).exists() for word in arguments)
    return [*([] if named else tests), *arguments]


def bundle_module() -> ModuleType:
    """The module that makes bundles: it needs nothing of the package."""
    sys.path.insert(0, str(ROOT / "python"))
    return importlib.import_module("pyisapie.bundle")


def make_runtime(target_name: str) -> Path:
    """A bundle without an application, from what is built here."""
    bundle = bundle_module()
    target = bundle.TARGETS[target_name]
    staged = BUILD / f"bundle-{target_name}"
    shutil.rmtree(staged, ignore_errors=True)
    lay_out = lay_out_windows if target_name == "windows" else lay_out_linux
    python, package = lay_out(bundle, staged)
    launcher = next(package.glob(f"{bundle.LAUNCHER}*"))
    told = subprocess.run([sys.executable, ROOT / "tools" / "version.py"],
                          stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    output = BUILD / f"pyisapie-{told.stdout.strip()}-{target.platform}{target.suffix}"
    bundle.make_runtime(target, python, staged, package, launcher, output)
    return output


def lay_out_windows(bundle: ModuleType, staged: Path) -> tuple[str, Path]:
    """The official embeddable Python, with its site module on. Its version, and the package."""
    build_windows([BUNDLE_WINDOWS])
    shutil.copytree(
        part(BUNDLE_WINDOWS_PYTHON), staged, ignore=shutil.ignore_patterns(".stamp", "pythonw.exe")
    )
    (paths,) = staged.glob("python3*._pth")
    paths.write_text(f"{paths.stem}.zip\n.\nimport site\n")
    return BUNDLE_WINDOWS_VERSION, BUILD / "windows-3.13" / "package" / "pyisapie"


def lay_out_linux(bundle: ModuleType, staged: Path) -> tuple[str, Path]:
    """A Python that can lie anywhere, and the system libraries that its modules need."""
    source = part(BUNDLE_LINUX)
    env = Environment(source / "bin" / "python3", ".venv-bundle", ["-Dbundled_libuv=true"])
    env.build()
    name = f"python{BUNDLE_LINUX.split('-')[1]}"
    library = staged / "lib" / name
    bundle.copy_python(source / "lib" / name, library, (*bundle.UNWANTED, *NOT_FOR_LINUX))
    (staged / "bin").mkdir()
    shutil.copy(source / "bin" / name, staged / "bin")
    (staged / "bin" / "python3").symlink_to(name)
    shutil.copy(next(source.glob("lib/libpython3.*.so.1.0")), staged / "lib")
    copy_libraries(library / "lib-dynload")
    for data in library.glob("_sysconfigdata_*.py"):  # names the folder of the part
        data.write_text(data.read_text().replace(str(source), "/usr/local"))
    python = [str(staged / "bin" / "python3"), "-I", "-B"]
    run(
        *python,
        "-m",
        "compileall",
        "-q",
        "-s",
        staged,
        "-p",
        "/python",
        "--invalidation-mode",
        "unchecked-hash",
        library,
        quiet=True,
    )  # where a bundle lies it may not be writable
    code = "import platform; print(platform.python_version())"
    done = subprocess.run([*python, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip(), env.folder / "lib" / name / "site-packages" / "pyisapie"


def copy_libraries(folder: Path) -> None:
    """What Python's modules need of the system, beside the C library: they look where they lie."""
    for module in list(folder.glob("*.so")):
        told = subprocess.run(["ldd", module], stdout=subprocess.PIPE, text=True, check=True).stdout
        for name, path in re.findall(r"(\S+) => (/\S+)", told):
            if not name.startswith(OF_THE_C_LIBRARY) and not (folder / name).exists():
                shutil.copy(Path(path).resolve(), folder / name)


def command_bundle(options: argparse.Namespace) -> None:
    """Make a bundle without an application, for `pyisapie bundle build --runtime`."""
    print(make_runtime(options.target))


def test_windows(name: str, arguments: Sequence[str]) -> None:
    """What is the same on every host, by the Windows binaries under Wine."""
    under_wine(name, chosen(arguments, WINDOWS_TESTS), {})


def test_windows_httpd(name: str, arguments: Sequence[str]) -> None:
    """The same, and what is Apache's own, by httpd for Windows and its mod_isapi."""
    httpd = {"TEST_WINDOWS_HTTPD": str(part("httpd-windows"))}
    under_wine(name, chosen(arguments, WINDOWS_HTTPD_TESTS), httpd)


def under_wine(name: str, arguments: Sequence[str], more: dict[str, str]) -> None:
    """Build for Windows against a Python, and run tests by that under Wine."""
    env = machine()
    env.build()  # it makes the bundles
    build_windows([name])
    version = name.split("-")[1]
    folder = BUILD / f"windows-{version}"
    env.install("tests", env.test_requirements)
    stamp = folder / ".stamp-packages"
    wanted = ROOT / "tests" / "requirements-windows.txt"
    text = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != text:
        say(f"installing {wanted.relative_to(ROOT)} for Windows")
        # pip judges conditions on the version by the Python that runs it
        own = "{}.{}".format(*sys.version_info) == version  # then there may be no part of it
        other = machine() if own else environment_of(name.replace("windows", "linux"))
        other.install("tools", ROOT / "tools" / "requirements.txt")
        run(other.python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade",
            "--platform", "win_amd64", "--python-version", version, "--only-binary=:all:",
            "--target", folder / "packages", "-r", wanted)  # fmt: skip
        stamp.write_text(text)
    facts = {"TEST_WINDOWS": folder.name, "TEST_WINDOWS_PYTHON": str(part(name))}
    run(env.python, "-m", "pytest", *arguments, env=env.env | facts | more)


def build_sanitized(env: Environment, kind: str = "address,undefined") -> Path:
    """The C tests, and all they test, with a sanitizer."""
    folder = BUILD / f"sanitize-{kind.split(',')[0]}"
    if not (folder / "build.ninja").is_file():
        run(env.command("meson"), "setup", "-Dtests=true", "-Dbuildtype=debugoptimized",
            "-Dwerror=true", "-Db_lto=false", f"-Db_sanitize={kind}", "-Db_lundef=false", folder,
            env=env.env, quiet=True)  # fmt: skip
    run(env.command("ninja"), "-C", folder, env=env.env, quiet=True)
    return folder


def command_build(options: argparse.Namespace) -> None:
    """Build into .venv; --target windows cross-compiles, --sanitize builds the C tests so."""
    if options.target == "windows":
        build_windows(WINDOWS_PYTHONS)
        return
    if options.target == "windows-3.13t":
        build_windows_threaded()
        return
    if options.target == "windows-arm64":
        cross_build(BUILD / "windows-arm64", "aarch64")
        say("build/windows-arm64/src: the door, the host and the launcher")
        return
    env = environment_of(options.python) if options.python else machine()
    env.build()
    if options.sanitize:
        say(str(build_sanitized(env).relative_to(ROOT)))
    else:
        say(f"built: {env.command('pyisapie').relative_to(ROOT)}")


def test_c(env: Environment, kind: str = "address,undefined") -> None:
    """The unit tests in C, with sanitizers."""
    folder = build_sanitized(env, kind)
    options = {
        "ASAN_OPTIONS": "detect_leaks=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    run(env.command("meson"), "test", "-C", folder, "--print-errorlogs", env=env.env | options)


def test_python(
    env: Environment,
    arguments: Sequence[str],
    everything: bool,
    mode: str = "",
    hosts: str = "",
) -> None:
    """The tests in Python; hosts: by these only, where a test is made for several."""
    env.build()
    env.install("tests", env.test_requirements)
    marks = [] if everything else ["-m", "not long"]
    run(env.python, "-m", "pytest", *marks, *arguments,
        env={**env.env, "TEST_MODE": mode, "TEST_HOSTS": hosts})  # fmt: skip


def test_python_sanitized(python: Path) -> None:
    """The tests in Python once more, on a build with the address and undefined sanitizers."""
    env = Environment(
        python,
        ".venv-sanitize",
        ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Db_lto=false"],
    )
    env.build()
    env.install("tests", env.test_requirements)
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True, check=True
    )
    options = {
        "LD_PRELOAD": runtime.stdout.strip(),
        # Python itself leaves much at its end, and faulthandler sets a signal stack of its own.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:use_sigaltstack=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
    }
    run(env.python, "-m", "pytest", "-m", "not long and not browser and not timing",
        "--ignore=tests/test_memory.py", "--ignore=tests/test_backpressure.py",
        "--deselect=tests/test_static.py::test_nothing_stays_open",  # it counts memory, too
        env=env.env | options)  # fmt: skip


class Steps:
    """Runs steps to the end even when one fails, and tells the times."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed = 0

    def do(self, title: str, step: object, *arguments: object) -> None:
        say(f"=== {title}")
        began = time.monotonic()
        try:
            step(*arguments)  # type: ignore[operator]
        except Failed as error:
            self.failed.append(f"{title}: {error}")
            say(f"FAILED: {error}")
        else:
            self.passed += 1
        say(f"--- {title}: {time.monotonic() - began:.0f} s")

    def end(self) -> int:
        for text in self.failed:
            say(f"failed: {text}")
        print(f"steps: {self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed else 0


def command_test(options: argparse.Namespace) -> int:
    """The test suite; --all adds the long tests, every Python and every Windows build."""
    env = machine()
    if options.rest[:1] == ["windows"]:
        test_windows(WINDOWS_PYTHONS[0], options.rest[1:])
        return 0
    if options.rest[:1] == ["windows-httpd"]:
        test_windows_httpd(WINDOWS_PYTHONS[0], options.rest[1:])
        return 0
    if options.rest:  # pytest's own arguments: just these tests
        env.build()
        test_python(env, options.rest, True)
        return 0
    if options.all:
        os.environ["TEST_ALL"] = "1"  # every host, where some would do
    steps = Steps()
    steps.do("build", env.build)
    steps.do("tests in C, with sanitizers", test_c, env)
    steps.do("Windows cross build", build_windows,
             ALL_WINDOWS_PYTHONS if options.all else WINDOWS_PYTHONS)  # fmt: skip
    steps.do("tests on the machine's Python", test_python, env, [], options.all)
    quick = ["-m", "not long and not browser"]
    for name in ALL_PYTHONS if options.all else (OTHER_PYTHON,):
        steps.do(f"tests on {name}", lambda name=name: test_python(
            environment_of(name), [] if options.all else [*quick, *files(OF_A_PYTHON)],
            True, hosts="" if options.all else "ours"))  # fmt: skip
    left_out = [] if options.all else [f"--ignore={file}" for file in files(NOT_OF_A_MODE)]
    steps.do(f"tests on {OTHER_PYTHON}, mode isolated", lambda: test_python(
        environment_of(OTHER_PYTHON), [*quick, *left_out], True, "isolated",
        "" if options.all else "ours"))  # fmt: skip
    for name in ALL_WINDOWS_PYTHONS if options.all else WINDOWS_PYTHONS[:1]:
        steps.do(f"tests under Wine, {name}", test_windows, name, [])
    if options.all:
        steps.do("long tests under Wine", test_windows, WINDOWS_PYTHONS[0],
                 ["-m", "long", "tests/test_iis.py", "tests/test_windows_soak.py"])  # fmt: skip
        steps.do("Windows cross build, arm64", cross_build, BUILD / "windows-arm64", "aarch64")
        steps.do("Windows cross build, without GIL", build_windows_threaded)
        for mode in ("main", "free-threaded"):
            steps.do(f"tests on {THREADED_PYTHON}, mode {mode}", lambda mode=mode: test_python(
                environment_of(THREADED_PYTHON), quick, True, mode))  # fmt: skip
        steps.do("tests by httpd for Windows", test_windows_httpd, WINDOWS_PYTHONS[0], [])
        steps.do("tests in C, with the thread sanitizer", test_c, env, "thread")
        steps.do("tests in Python, with sanitizers", test_python_sanitized, Path(sys.executable))
    return steps.end()


def command_fuzz(options: argparse.Namespace) -> int:
    """Run each fuzz target for a minute (or --seconds) on its corpus."""
    env = machine()
    env.install("tools", ROOT / "tools" / "requirements.txt")
    folder = BUILD / "fuzz"
    if not (folder / "build.ninja").is_file():
        run(env.command("meson"), "setup", "-Dfuzz=true", "-Dbuildtype=debugoptimized",
            "-Db_lundef=false", folder, env=env.env | {"CC": "clang"}, quiet=True)  # fmt: skip
    run(env.command("ninja"), "-C", folder, env=env.env, quiet=True)
    steps = Steps()
    for target in sorted((folder / "fuzz").glob("fuzz_*")):
        if target.is_file() and os.access(target, os.X_OK):
            steps.do(target.name, fuzz_one, target, options.seconds)
    return steps.end()


def fuzz_one(target: Path, seconds: int) -> None:
    name = target.name.removeprefix("fuzz_")
    grown = BUILD / "fuzz-corpus" / name
    crashes = ROOT / "fuzz" / "regression" / name
    grown.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    run(target, f"-max_total_time={seconds}", "-timeout=10", "-max_len=70000",
        "-print_final_stats=0", "-verbosity=0", f"-artifact_prefix={crashes}/", grown,
        ROOT / "fuzz" / "corpus" / name)  # fmt: skip


def command_bench(options: argparse.Namespace) -> None:
    """Measure beside the peers; bench --help lists what can be chosen."""
    env = machine()
    env.build()
    env.install_each("bench", ROOT / "bench" / "requirements.txt")
    whole = not any(word[0].isalpha() for word in options.rest)
    pythons = parallel_pythons() if whole or "parallel" in options.rest else []
    run(env.python, "-m", "bench.run", *options.rest, *pythons, env=env.env)


def parallel_pythons() -> list[str]:
    """Options for the bench: what the modes for several cores can be measured with."""
    words = []
    for mode, name in ("isolated", OTHER_PYTHON), ("free-threaded", THREADED_PYTHON):
        try:
            env = environment_of(name)
            env.build()
            words += ["--python", f"{mode}={env.python}"]
        except Failed as error:
            say(f"left out: mode {mode}: {error}")
    return words


def c_files() -> list[Path]:
    found = [
        p
        for top in ("src", "include", "tests", "fuzz", "tools/probe")
        for p in (ROOT / top).rglob("*.[ch]")
    ]
    return sorted(found)


def lint_environment() -> Environment:
    env = machine()
    env.install("tools", ROOT / "tools" / "requirements.txt")
    env.install("lint", ROOT / "tools" / "requirements-lint.txt")
    return env


def command_format(options: argparse.Namespace) -> None:
    """Format the sources in place."""
    env = lint_environment()
    run("clang-format", "-i", *c_files())
    run(env.command("ruff"), "format", ".")


def command_lint(options: argparse.Namespace) -> int:
    """Look for what is wrong or against the style."""
    env = lint_environment()
    steps = Steps()
    steps.do("clang-format", run, "clang-format", "--dry-run", "-Werror", *c_files())
    steps.do("ruff", run, env.command("ruff"), "check", ".")
    steps.do("cppcheck", run, "cppcheck", "--enable=warning,portability", "--inline-suppr",
             "--error-exitcode=1", "--quiet", "-Isrc", "-Iinclude", "-D__linux__",
             "--suppress=missingIncludeSystem", *(ROOT / "src" / n for n in
             ("base", "platform/unix", "isapi", "http", "host")))  # fmt: skip
    return steps.end()


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./dev", description="Work on PyISAPIe.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, function: object, add_help: bool = True) -> argparse.ArgumentParser:
        text = (function.__doc__ or "").strip()
        command = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False, add_help=add_help
        )
        command.set_defaults(run=function)
        return command

    served = add("run", command_run)
    served.add_argument("app", nargs="*", help="MODULE:APP, or examples/NAME; none: the demo site")
    built = add("build", command_build)
    built.add_argument(
        "--python", help="another Python: its path, or a part such as " + OTHER_PYTHON
    )
    built.add_argument("--target", choices=["windows", "windows-arm64", "windows-3.13t"])
    built.add_argument("--sanitize", action="store_true")
    bundled = add("bundle", command_bundle)
    bundled.add_argument("--target", choices=["linux", "windows"], default="linux")
    tested = add("test", command_test)
    tested.add_argument("--all", action="store_true")
    fuzzed = add("fuzz", command_fuzz)
    fuzzed.add_argument("--seconds", type=int, default=60)
    add("bench", command_bench, add_help=False)  # it has a help of its own
    add("format", command_format)
    add("lint", command_lint)
    return top


def main() -> int:
    options, rest = parser().parse_known_args()
    options.rest = rest
    try:
        return options.run(options) or 0
    except Failed as error:
        say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
