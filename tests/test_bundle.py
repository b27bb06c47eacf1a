# SPDX-License-Identifier: Apache-2.0
"""Bundles: made, unpacked somewhere else, and run. ./dev test windows does it for Windows."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import serve, windows
from harness.client import Response
from harness.httpd import Httpd, Unavailable
from harness.paths import REPO, TEST_MODE, environment
from harness.serve import Serve

pytestmark = pytest.mark.skipif(
    TEST_MODE not in ("", "main"), reason="a bundle has a Python of its own, which knows one mode"
)

TARGET = "windows" if windows.NAME else "linux"
SUFFIX = ".zip" if windows.NAME else ".tar.gz"
BUNDLED = "3.13"  # the Python of ./dev bundle
# The second one is for one target only: who runs pip here is not asked.
REQUIREMENTS = """\
flask==3.1.3
colorama==0.4.6; sys_platform == "win32"
gunicorn==23.0.0; sys_platform == "linux" and python_version == "3.13"
"""
APP = """\
import json, os, sqlite3, ssl, sys
import flask, markupsafe._speedups

app = flask.Flask(__name__)

@app.get("/")
def page():
    return flask.jsonify(
        pid=os.getpid(), prefix=sys.prefix, executable=sys.executable, path=sys.path,
        version=sys.version.split()[0], file=__file__, flask=flask.__file__,
    )
"""
BARE = "def app(e, s):\n    s('200 OK', [])\n    return [b'bare']\n"
# Wine ends Python where it lacks a function: see tests/windows. A .pth file is read here, too.
FOR_WINE = "import sys; sys.modules['_wmi'] = None\n"


def bundle_build(*words: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """pyisapie bundle build, by the command of the environment that runs the tests."""
    return serve.run("bundle", "build", *map(str, words), cwd=cwd, timeout=300)


@pytest.fixture(scope="session")
def runtime() -> Path:
    """A bundle without an application, as ./dev bundle makes it."""
    done = subprocess.run(
        [sys.executable, REPO / "tools" / "dev.py", "bundle", "--target", TARGET],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an application, with what must stay out of a bundle."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP)
    (folder / "pyisapie.toml").write_text('app = "app:app"\n')
    for name in (".git/config", "__pycache__/app.pyc", "env/pyvenv.cfg", "data/täxt.txt"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("text")
    return folder


@pytest.fixture(scope="session")
def archive(runtime: Path, app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the application and its packages."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    file = folder / f"shop{SUFFIX}"
    code, said = bundle_build(
        "--app", app, "--requirements", folder / "requirements.txt", "--target", TARGET,
        "--runtime", runtime, "--output", file,
    )  # fmt: skip
    assert (code, said.strip()) == (0, str(file))
    return file


def unpack(file: Path, folder: Path) -> Path:
    """Unpack an archive, as a user does; its one folder."""
    folder.mkdir()
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as opened:
            opened.extractall(folder)
    else:
        subprocess.run(["tar", "-xzf", file, "-C", folder], check=True)
    (top,) = folder.iterdir()
    return top


@pytest.fixture(scope="session")
def shop(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, unpacked where nothing was ever built."""
    top = unpack(archive, tmp_path_factory.mktemp("fresh") / "Bündel hier")
    if windows.NAME:
        (top / "packages" / "wine.pth").write_text(FOR_WINE)
    return top


def program(top: Path) -> list[str]:
    return ["wine", str(top / "pyisapie.exe")] if windows.NAME else [str(top / "bin" / "pyisapie")]


def package(top: Path) -> Path:
    """The folder of the package and the door."""
    return top / "python" / ("" if windows.NAME else "lib/python3.13") / "pyisapie"


def env() -> dict[str, str]:
    """What must not matter: no programs, and a Python elsewhere."""
    wrong = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYISAPIE_HOME": ""}
    return wrong | (windows.wine() if windows.NAME else {"PATH": ""})


def check_page(server: Serve, top: Path, version: str = BUNDLED) -> None:
    """The page of the application comes from the bundle, and from nothing else."""
    with server.client() as client:
        check_answer(client.get("/"), top, version)


def check_answer(answer: Response, top: Path, version: str = BUNDLED) -> None:
    page = answer.json()
    inside = windows.path(top) if windows.NAME else str(top)
    assert page["prefix"] == inside + ("\\python" if windows.NAME else "/python")
    assert page["version"].startswith(f"{version}.")
    assert page["executable"].startswith(inside) and "python" in Path(page["executable"]).name
    assert all(entry.startswith(inside) for entry in page["path"] if entry)
    assert page["file"].startswith(inside) and page["flask"].startswith(inside)


@pytest.fixture
def started(tmp_path: Path, shop: Path) -> Iterator[Callable[..., Serve]]:
    """Starts a program of the bundle."""
    running: list[Serve] = []

    def start(words: list[str], app: str = "", *more: str) -> Serve:
        server = Serve(tmp_path, app, *more, root=None, env=env(), program=words)
        running.append(server)
        return server.start()

    yield start
    for server in running:
        server.stop()


def test_serve(started: Callable[..., Serve], shop: Path) -> None:
    server = started([*program(shop), "serve"], "app:app", "--workers", "2")
    check_page(server, shop)


def test_serve_by_the_settings_of_the_application(
    started: Callable[..., Serve], shop: Path
) -> None:
    check_page(started([*program(shop), "serve"]), shop)


def test_the_door_finds_the_python_around_it(started: Callable[..., Serve], shop: Path) -> None:
    """As in IIS and httpd: no Python runs in the process, and no setting names one."""
    host = package(shop) / ("pyisapie-host.exe" if windows.NAME else "pyisapie-host")
    wine = ["wine"] if windows.NAME else []
    check_page(started([*wine, str(host)], "app:app"), shop)


VHOST = """
<VirtualHost *>
  ServerName bundle.localhost
  AliasMatch "^" "${PYISAPIE_DIR}/pyisapie.so"
  SetEnv PYISAPIE_SCRIPT_NAME "/"
</VirtualHost>
"""


@pytest.mark.skipif(bool(windows.NAME), reason="httpd of Linux")
def test_httpd(shop: Path, tmp_path: Path) -> None:
    """Nothing but the extension is named: which application it is says the bundle's own file."""
    defines = {"PYISAPIE_DIR": str(package(shop)), "SITE_NAME": "other.localhost"}
    defines |= {"SITE_STATIC": str(tmp_path)}
    try:
        httpd = Httpd(tmp_path / "httpd", defines, VHOST, env() | {"PATH": os.environ["PATH"]})
        httpd.start()
    except Unavailable as error:
        pytest.skip(f"Apache: {error}")
    try:
        check_answer(httpd.site("bundle.localhost").get("/"), shop)
    finally:
        httpd.stop()


def test_a_runtime_runs_what_is_put_into_it(
    started: Callable[..., Serve], runtime: Path, tmp_path: Path
) -> None:
    top = unpack(runtime, tmp_path / "bare")
    (top / "app" / "app.py").write_text(BARE)
    server = started([*program(top), "serve"], "app:app")
    with server.client() as client:
        assert client.get("/").body == b"bare"


def test_what_is_in_it(shop: Path) -> None:
    found = {path.name for path in (shop / "packages").iterdir()}
    assert "flask" in found
    assert ("colorama" in found) == (TARGET == "windows")
    assert ("gunicorn" in found) == (TARGET == "linux")
    assert "bin" not in found
    (speedups,) = (shop / "packages" / "markupsafe").glob("_speedups.*.so" if TARGET == "linux"
                                                          else "_speedups.*.pyd")  # fmt: skip
    assert "313" in speedups.name
    names = sorted(path.name for path in (shop / "app").iterdir() if path.name != "__pycache__")
    assert names == ["app.py", "data", "pyisapie.toml"]
    assert (shop / "app" / "data" / "täxt.txt").is_file()


def contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The files in an archive."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            yield from ((name, opened.read(name)) for name in opened.namelist())
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            data = tar.extractfile(member)
            yield member.name, data.read() if data else b""


def test_it_names_no_folder_of_its_maker(archive: Path) -> None:
    here = str(REPO).encode()
    assert [name for name, data in contents(archive) if here in data] == []


# ---- what can go wrong


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--app", "none"], "There is no folder none"),
        (["--app", "app", "--requirements", "none.txt"], "There is no file none.txt"),
        (["--app", "app", "--runtime", "none.zip"], "There is no runtime none.zip"),
        (["--app", "app", "--runtime", "junk.zip"], "is no runtime of PyISAPIe, or is damaged"),
        (["--app", "app", "--output", "a.rar"], f"is a {SUFFIX}, not a.rar"),
        (["--app", "app", "--output", f"none/a{SUFFIX}"], "to write a bundle into"),
    ],
)
def test_wrong_words(words: list[str], text: str, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "junk.zip").write_text("junk")
    code, said = bundle_build(*words, "--target", TARGET, cwd=tmp_path)
    assert code == 1
    assert text in said
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "junk.zip"]


def test_another_system_needs_a_runtime(app: Path) -> None:
    code, said = bundle_build("--app", app, "--target", "windows")
    assert code == 1
    assert "./dev bundle --target windows" in said


def test_a_runtime_of_another_system(app: Path, runtime: Path) -> None:
    other = "linux" if TARGET == "windows" else "windows"
    code, said = bundle_build("--app", app, "--target", other, "--runtime", runtime)
    assert code == 1
    assert f"not for {other}-x86_64" in said


def test_a_bundle_is_no_runtime(app: Path, archive: Path) -> None:
    code, said = bundle_build("--app", app, "--target", TARGET, "--runtime", archive)
    assert code == 1
    assert "has an application already" in said


@pytest.mark.parametrize("name", ["pyisapie-has-no-such-package==1", "flask==0.0.99"])
def test_no_wheel(name: str, app: Path, runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(name + "\n")
    code, said = bundle_build(
        "--app", app, "--requirements", tmp_path / "list.txt", "--target", TARGET,
        "--runtime", runtime, "--output", tmp_path / f"out{SUFFIX}",
    )  # fmt: skip
    assert code == 1
    assert f"no wheel of {name} for {TARGET}-x86_64 and Python 3.13" in said
    assert not (tmp_path / f"out{SUFFIX}").exists()


# ---- from what is installed


def own_build(python: list[str], *words: str | Path) -> tuple[int, str]:
    """The same by another Python, of the target's system."""
    given = [windows.path(w) if windows.NAME and isinstance(w, Path) else str(w) for w in words]
    done = subprocess.run(
        [*python, "-m", "pyisapie", "bundle", "build", *given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def test_from_a_python_that_can_be_moved(
    app: Path, runtime: Path, tmp_path: Path, started: Callable[..., Serve]
) -> None:
    """That of the environment that ./dev bundle has made; that of the tests under Wine."""
    own = [str(REPO / ".venv-bundle" / "bin" / "python")]
    file = tmp_path / f"own{SUFFIX}"
    (tmp_path / "list.txt").write_text(REQUIREMENTS)
    code, said = own_build(
        windows.python_command() if windows.NAME else own,
        "--app", app, "--output", file, "--requirements", tmp_path / "list.txt",
    )  # fmt: skip
    assert code == 0, said
    top = unpack(file, tmp_path / "öwn")
    if windows.NAME:
        (top / "packages" / "wine.pth").write_text(FOR_WINE)
    version = windows.NAME.removeprefix("windows-") if windows.NAME else BUNDLED
    check_page(started([*program(top), "serve"]), top, version)


@pytest.mark.skipif(TARGET == "windows", reason="another Python runs the tests")
def test_from_this_python(tmp_path: Path, started: Callable[..., Serve]) -> None:
    """It can be moved, or it is said that it cannot."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(BARE)
    code, said = bundle_build("--app", tmp_path / "app", "--output", tmp_path / "own.tar.gz")
    if code:
        assert "cannot be moved to another place" in said
        return
    top = unpack(tmp_path / "own.tar.gz", tmp_path / "öwn")
    server = started([*program(top), "serve"], "app:app")
    with server.client() as client:
        assert client.get("/").body == b"bare"


def test_without_pip(app: Path, runtime: Path, shop: Path, tmp_path: Path) -> None:
    """The Python of a bundle has none."""
    (tmp_path / "list.txt").write_text("flask\n")
    python = [str(shop / "python" / "bin" / "python3")]
    if windows.NAME:
        python = ["wine", str(shop / "python" / "python.exe")]
    code, said = own_build(
        python, "--app", app, "--requirements", tmp_path / "list.txt", "--target", TARGET,
        "--runtime", runtime, "--output", tmp_path / f"own{SUFFIX}",
    )  # fmt: skip
    assert code == 1
    assert "This needs pip" in said


# ---- what must not get in ----


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("top/../../evil", ""),
        ("top//etc/evil", ""),
        ("top/python/evil", "../../evil"),
        ("top/python/evil", "/etc/passwd"),
    ],
)
def test_a_runtime_that_leaves_its_folder(name: str, link: str, tmp_path: Path) -> None:
    bundle = pytest.importorskip("pyisapie.bundle")
    runtime = tmp_path / "evil.tar.gz"
    marker = b'{"platform": "linux-x86_64", "python": "3.13.0", "app": false}'
    with tarfile.open(runtime, "w:gz") as tar:
        info = tarfile.TarInfo("top/bundle.json")
        info.size = len(marker)
        tar.addfile(info, io.BytesIO(marker))
        evil = tarfile.TarInfo(name)
        if link:
            evil.type, evil.linkname = tarfile.SYMTYPE, link
        tar.addfile(evil)
    with pytest.raises(bundle.BundleError, match="damaged"):
        bundle.Runtime(runtime)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_an_application_with_odd_files(tmp_path: Path) -> None:
    bundle = pytest.importorskip("pyisapie.bundle")
    app = tmp_path / "app"
    (app / "inner").mkdir(parents=True)
    (app / "inner" / "file.py").touch()
    (app / "inner" / "round").symlink_to(app)
    (app / "round").symlink_to(".")
    (app / "nowhere").symlink_to("nothing")
    os.mkfifo(app / "pipe")
    found = list(bundle._files_of_app(app, tmp_path / "out.tar.gz"))
    assert [str(path.relative_to(app)) for path in found] == ["inner/file.py"]
