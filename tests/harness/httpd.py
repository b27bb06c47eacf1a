# SPDX-License-Identifier: Apache-2.0
"""Apache httpd with its own mod_isapi, in a folder of its own.

The configuration is tests/apache/httpd.conf, the sample that users get, as it is: what the tests
need differently is defined before they include it, and their further sites come after it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness import process
from harness.client import Address
from harness.logs import Log
from harness.paths import APACHE as SAMPLES
from harness.paths import REPO, environment, package
from harness.site import APACHE, Site

USER = "www-data"
START_TIMEOUT = 20.0


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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


class Httpd:
    """One running Apache."""

    def __init__(
        self,
        folder: Path,
        defines: Mapping[str, str],
        more: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.httpd = find_httpd()
        self.folder = folder
        self.port = free_port()
        self.defines = dict(defines)
        self.log = Log(folder / "error.log")
        self._env = environment(**(env or {}))
        self.process: subprocess.Popen[bytes] | None = None
        self._prepare(defines, more)

    def _prepare(self, defines: Mapping[str, str], more: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        types = self.folder / "mime.types"
        types.write_text("text/css css\ntext/html html\ntext/plain txt\n", "utf-8")
        values = {
            "HTTPD_MIME_TYPES": str(types),
            "HTTPD_ROOT": str(self.folder),
            "HTTPD_MODULES": str(find_modules(self.httpd)),
            "HTTPD_LISTEN": f"127.0.0.1:{self.port}",
            "MOD_ISAPI": str(find_mod_isapi() / "mod_isapi.so"),
            "PYISAPIE_DIR": str(package()),
            **defines,
        }
        lines = [f'Define {name} "{value}"' for name, value in values.items()]
        lines += [f'Include "{SAMPLES / "httpd.conf"}"', more]
        self.config = self.folder / "test.conf"
        self.config.write_text("\n".join(lines) + "\n", "utf-8")
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)

    def __enter__(self) -> Httpd:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *args: str) -> list[str]:
        """httpd with this configuration."""
        return _as_user([self.httpd, "-f", str(self.config), *args])

    def check(self) -> tuple[int, str]:
        """``httpd -t``: its exit status and what it says."""
        done = subprocess.run(
            self.command("-t"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._env,
            cwd=self.folder,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def start(self) -> Httpd:
        """Start it and wait until it answers."""
        output = self.folder / "output.log"
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                self.command("-D", "FOREGROUND"),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._env,
                cwd=self.folder,
            )
        try:
            process.eventually(self._listens, "httpd listens", START_TIMEOUT)
        except BaseException:
            self.stop()
            raise
        return self

    def _listens(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            said = (self.folder / "output.log").read_text() + self.log.text()
            raise Unavailable(f"httpd ended with {self.process.returncode}: {said[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> int:
        """Stop it; its exit status."""
        assert self.process
        return process.end(self.process)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return ("127.0.0.1", self.port)

    def workers(self) -> list[int]:
        """Its child processes."""
        assert self.process
        return process.children(self.process.pid)

    def site(self, host: str) -> Site:
        """One of its virtual hosts."""
        return Site(APACHE, self.address, host, self.log, self.workers)
