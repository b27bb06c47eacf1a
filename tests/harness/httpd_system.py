# SPDX-License-Identifier: Apache-2.0
"""What differs between httpd of this system and httpd for Windows, under Wine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from harness import process, windows
from harness.paths import DOOR, REPO, environment, package

USER = "www-data"


class Unavailable(RuntimeError):
    """Apache, or its mod_isapi, cannot be had here; the text says why."""


def find_httpd() -> str:
    """Apache's server program."""
    for name in ("apache2", "httpd"):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise Unavailable("Apache httpd is not installed (Debian: apache2, apache2-dev)")


def find_modules(httpd: str) -> Path:
    """The folder of httpd's modules."""
    base = Path(httpd).resolve().parent.parent
    for place in (base / "lib" / "apache2" / "modules", base / "modules"):
        if (place / "mod_mpm_event.so").exists():
            return place
    raise Unavailable(f"the modules of {httpd} are not found")


@cache
def find_mod_isapi() -> Path:
    """The folder that holds mod_isapi.so; tools/parts.py builds it once."""
    script = REPO / "tools" / "parts.py"
    if not script.exists():
        raise Unavailable("tools/parts.py, which builds mod_isapi, is missing")
    done = subprocess.run(
        [sys.executable, str(script), "mod-isapi"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.split("\n") if done.returncode == 0 else []
    folder = Path(lines[-2]) if len(lines) > 1 else None
    if not folder or not (folder / "mod_isapi.so").exists():
        raise Unavailable(f"mod_isapi cannot be built: {done.stderr.strip()[-500:]}")
    return folder


def _as_user(argv: list[str]) -> list[str]:
    """As root: not as root, but able to read a checkout that is closed to others."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return argv
    capability = "+dac_read_search"
    return [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--init-groups",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        *argv,
    ]


class Unix:
    """The installed httpd, with a mod_isapi built for it."""

    python = "libpython"
    more: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.httpd = find_httpd()

    def defines(self) -> dict[str, str]:
        """Where its modules and the door lie."""
        return {
            "HTTPD_MODULES": str(find_modules(self.httpd)),
            "MOD_ISAPI": str(find_mod_isapi() / "mod_isapi.so"),
            "PYISAPIE_DIR": str(package()),
        }

    def give(self, folder: Path) -> None:
        """Let httpd write into a folder."""
        if os.getuid() == 0:
            shutil.chown(folder, USER, USER)

    def command(self, *args: str) -> list[str]:
        """The program with arguments."""
        return _as_user([self.httpd, *args])

    def stop(self, parent: subprocess.Popen[bytes], _config: Path) -> int:
        """Stop it; its exit status."""
        return process.end(parent)

    def restart(self, parent: subprocess.Popen[bytes], _config: Path) -> None:
        """Ask for new children."""
        parent.send_signal(signal.SIGUSR1)

    def children(self, parent: subprocess.Popen[bytes], _config: Path) -> list[int]:
        """The processes that serve."""
        return process.children(parent.pid)


class Wine:
    """httpd for Windows with its own mod_isapi, as tools/httpd-windows builds it."""

    python = "/python3"  # python313.dll
    # Wine has no AcceptEx that gives the first data, too.
    more = ("AcceptFilter http none", "AcceptFilter https none")

    def __init__(self) -> None:
        self.folder = Path(windows.HTTPD)
        if not (self.folder / "bin" / "httpd.exe").exists():
            raise Unavailable(f"there is no httpd for Windows in {self.folder}")

    def defines(self) -> dict[str, str]:
        """Where its modules and the door lie."""
        modules = self.folder / "modules"
        return {
            "HTTPD_MODULES": windows.native(modules),
            "MOD_ISAPI": windows.native(modules / "mod_isapi.so"),
            "PYISAPIE_DIR": windows.native(package()),
            "PYISAPIE_DOOR": DOOR,
        }

    def give(self, folder: Path) -> None:
        """Wine runs as the user that runs the tests."""

    def command(self, *args: str) -> list[str]:
        """The program with arguments."""
        return ["wine", str(self.folder / "bin" / "httpd.exe"), *args]

    def _signal(self, config: Path, event: str) -> None:
        program = str(self.folder / "bin" / "httpd-signal.exe")
        file = windows.native(config.with_name("httpd.pid"))
        subprocess.run(["wine", program, file, event], env=environment(), check=True, timeout=60)

    def stop(self, parent: subprocess.Popen[bytes], config: Path) -> int:
        """Stop it; its exit status."""
        if parent.poll() is None and config.with_name("httpd.pid").exists():
            self._signal(config, "shutdown")
            return parent.wait(60)
        return process.end(parent)

    def restart(self, _parent: subprocess.Popen[bytes], config: Path) -> None:
        """Ask for new children."""
        self._signal(config, "restart")

    def children(self, parent: subprocess.Popen[bytes], config: Path) -> list[int]:
        """The processes that serve: Windows' processes are nobody's children on Unix."""
        name = windows.native(config).encode()
        found = [pid for pid in process.everyone() if name in process.arguments(pid)]
        return [pid for pid in found if pid != parent.pid and process.is_alive(pid)]
