# SPDX-License-Identifier: Apache-2.0
"""Apache httpd with its own mod_isapi, in a folder of its own.

The configuration is tests/apache/httpd.conf, the sample that users get, as it is: what the tests
need differently is defined before they include it, and their further sites come after it.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness import process, windows
from harness.client import Address
from harness.httpd_system import Unavailable, Unix, Wine
from harness.logs import Log
from harness.paths import APACHE as SAMPLES
from harness.paths import environment
from harness.site import APACHE, Site

START_TIMEOUT = 60.0 if windows.HTTPD else 20.0


WHOLE = """
<VirtualHost *>
  ServerName {name}
  AllowEncodedSlashes On
  AliasMatch "^" "${{PYISAPIE_DIR}}/${{PYISAPIE_DOOR}}"
  SetEnv PYISAPIE_SCRIPT_NAME "/"
  SetEnv PYISAPIE_APP "{app}"
  SetEnv PYISAPIE_ROOT "{root}"
</VirtualHost>
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def whole_vhost(name: str, app: str, root: Path) -> str:
    """A virtual host that is one site from its root on; app: "" for what its settings file says."""
    text = WHOLE.format(name=name, app=app, root=windows.native(root))
    return text if app else text.replace('  SetEnv PYISAPIE_APP ""\n', "")


class Httpd:
    """One running Apache."""

    def __init__(
        self,
        folder: Path,
        defines: Mapping[str, str],
        more: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        if windows.NAME and not windows.HTTPD:
            raise Unavailable("httpd for Windows has a run of its own (./dev test windows-httpd)")
        self.system = Wine() if windows.HTTPD else Unix()
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
            "HTTPD_MIME_TYPES": windows.native(types),
            "HTTPD_ROOT": windows.native(self.folder),
            "HTTPD_LISTEN": f"127.0.0.1:{self.port}",
            **self.system.defines(),
            **defines,
        }
        lines = [f'Define {name} "{value}"' for name, value in values.items()]
        lines += [f'Include "{windows.native(SAMPLES / "httpd.conf")}"', *self.system.more, more]
        self.config = self.folder / "test.conf"
        self.config.write_text("\n".join(lines) + "\n", "utf-8")
        self.system.give(self.folder)

    def __enter__(self) -> Httpd:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self, *args: str) -> list[str]:
        """httpd with this configuration."""
        return self.system.command("-f", windows.native(self.config), *args)

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
        return self.system.stop(self.process, self.config)

    def restart(self) -> None:
        """Ask for new child processes; those that serve end their requests first."""
        assert self.process
        self.system.restart(self.process, self.config)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return ("127.0.0.1", self.port)

    def workers(self) -> list[int]:
        """Its child processes."""
        assert self.process
        return self.system.children(self.process, self.config)

    def has_python(self, pid: int) -> bool:
        """Whether a process of it has loaded Python."""
        maps = Path(f"/proc/{pid}/maps").read_text()
        return self.system.python in maps

    def site(self, host: str) -> Site:
        """One of its virtual hosts."""
        return Site(APACHE, self.address, host, self.log, self.workers)
