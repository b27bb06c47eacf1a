# SPDX-License-Identifier: Apache-2.0
"""Our own server, started as a user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness import process, windows
from harness.client import TIMEOUT, Address, Client
from harness.logs import Log
from harness.paths import APPS, command, environment
from harness.site import OURS, Site

LISTENING = re.compile(r"listening on (\S+)")


class StartError(RuntimeError):
    """The server ended instead of listening; the text is its log."""


def run(
    *args: str, env: dict[str, str] | None = None, timeout: float = 30.0, cwd: Path | None = None
) -> tuple[int, str]:
    """Run the command to its end: exit status, and all that it wrote."""
    done = subprocess.run(
        [command(), *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        cwd=cwd,
        env=environment(**(env or {})),
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace")


def _parse(text: str) -> Address:
    if text.startswith("unix:"):
        return text.removeprefix("unix:")
    match = re.fullmatch(r"http://(?:\[([^]]+)\]|([^:/]+)):(\d+)/?", text)
    assert match, f"not an address: {text!r}"
    return (match[1] or match[2], int(match[3]))


class Serve:
    """``pyisapie serve``, always with the checks of the ISAPI contract."""

    def __init__(
        self,
        folder: Path,
        app: str = "",
        *args: str,
        root: Path | None = APPS,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        before: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        bind: Sequence[str] = ("127.0.0.1:0",),
        program: Sequence[str | Path] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = Log(folder / "error.log")
        self.output = Log(folder / "output.log")
        if windows.NAME:
            program = program or windows.program()
        self._argv = [*before, *map(str, program or (command(), "serve"))]
        self._argv += [app] if app else []
        self._argv += ["--root", windows.path(root) if windows.NAME else str(root)] if root else []
        self._argv += [word for address in bind for word in ("--bind", address)]
        self._argv += ["--strict-isapi", *args]
        self._env, self._cwd, self._fds = environment(**(env or {})), cwd or folder, pass_fds
        self.addresses: list[Address] = []
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Serve:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, listeners: int = 1) -> Serve:
        """Start it and wait until it listens."""
        since = self.log.mark()
        with self.log.path.open("ab") as log, self.output.path.open("ab") as output:
            streams = [windows.to_file(file) if windows.NAME else file for file in (output, log)]
            self.process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=streams[0],
                stderr=streams[1],
                cwd=self._cwd,
                env=self._env,
                pass_fds=self._fds,
            )
            for stream in streams:
                stream.close()
        try:
            process.eventually(lambda: self._listens(since, listeners), "the server listens", 20)
        except BaseException:
            self.stop()
            raise
        return self

    def _listens(self, since: int, listeners: int) -> bool:
        assert self.process
        ended = self.process.poll() is not None  # before the log is read: it is whole then
        text = self.log.text(since)
        found = LISTENING.findall(text)
        if len(found) < listeners:
            if ended:
                raise StartError(f"exit status {self.process.returncode}:\n{text}")
            return False
        self.addresses = [_parse(address) for address in found]
        return True

    @property
    def pid(self) -> int:
        """The process that was started: the supervisor."""
        assert self.process
        return self.process.pid

    def workers(self) -> list[int]:
        """The processes that serve: those at the ends of the tree."""
        return [pid for pid in process.tree(self.pid) if not process.children(pid)]

    def client(self, timeout: float = TIMEOUT) -> Client:
        """A new connection to the first listener."""
        return Client(self.addresses[0], timeout)

    def site(self, name: str = OURS, host: str = "localhost") -> Site:
        """The server as a site."""
        return Site(name, self.addresses[0], host, self.log, self.workers)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        assert self.process
        self.process.send_signal(number)

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit status, once it ends by itself."""
        assert self.process
        return self.process.wait(timeout)

    def stop(self) -> int:
        """Stop it; its exit status."""
        assert self.process
        return process.end(self.process)
