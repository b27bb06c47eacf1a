# SPDX-License-Identifier: Apache-2.0
"""What the engine does in Python: start an interpreter, describe failures, keep the streams.

The C side calls these functions by name; nothing else should. What is imported here is in the
memory of every worker, so only what every worker needs is.
"""

from __future__ import annotations

import _signal
import _thread
import atexit
import builtins
import io
import marshal
import os
import stat
import sys

from pyisapie import RequestTimeout as RequestTimeout  # the engine finds it here
from pyisapie import _engine, _loading
from pyisapie._loading import load as load  # and this

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ERROR, WARNING, INFO, DEBUG, APP = range(5)

EVERY_REQUEST = (
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "REQUEST_URI",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "wsgi.input",
    "pyisapie.request_id",
)


class LogStream(io.TextIOBase):
    """A text stream whose lines go to the server's error log, with the request's id.

    A text without a newline at its end is kept, for each thread apart, until the line is
    complete, flush() is called, or it reaches LINE_MAX characters.
    """

    encoding = "utf-8"
    errors = "backslashreplace"
    LINE_MAX = 32 * 1024

    def __init__(self, level: int, name: str) -> None:
        super().__init__()
        self._level = level
        self._kept = _thread._local()
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() takes str, not {type(text).__name__}")
        pending = getattr(self._kept, "text", "") + text
        lines, newline, rest = pending.rpartition("\n")
        if len(rest) > self.LINE_MAX:
            lines, newline, rest = pending, "\n", ""
        self._kept.text = rest
        if newline:
            self._log(lines)
        return len(text)

    def _log(self, text: str) -> None:
        if text.strip():
            _engine.log(self._level, text.encode("utf-8", "backslashreplace").decode())

    def flush(self) -> None:
        """Log what this thread has written of a line that is not complete."""
        text, self._kept.text = getattr(self._kept, "text", ""), ""
        self._log(text)

    def close(self) -> None:
        """The log outlives its users: closing is for streams of one's own."""


def process_settings(root: str, config: str) -> list[tuple[str, str]]:
    """What the settings file of the first application says, for this process: [(name, text)]."""
    path = config or (os.path.join(root, _loading.FILE_NAME) if root else "")
    if not config and not os.path.isfile(path):
        return []
    from pyisapie import settings

    return list(settings.read_file(path).items())


def log_crashes(path: str) -> None:
    """Have Python's stacks written to this file when the process crashes."""
    import faulthandler

    try:
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (it stays open)
    except OSError as error:
        _engine.log(ERROR, f"the setting crash-log: {path}: {error.strerror}")
        return
    faulthandler.enable(file)


def _start_environ(is_main: bool) -> None:
    """An interpreter that a site has for itself begins with the environment that the process had.

    What other sites have set since is theirs: os.environ belongs to an interpreter. (What C code
    and programs that are started see is the process's, which all have in common.)
    """
    kept = None if is_main else _engine.kept()
    own = os.environ._data  # type: ignore[attr-defined]
    if kept is None:
        _engine.keep(marshal.dumps(own))
    else:
        own.clear()
        own.update(marshal.loads(kept))


def start(
    mode: int,
    multithread: int,
    multiprocess: int,
    switch_us: int,
    tokens: int,
    interpreter: str,
    package: str,
) -> dict[str, Any]:
    """Prepare this interpreter and return the template of every environ."""
    _loading.mode = mode
    _loading.package = package
    builtins.__interp__ = interpreter  # type: ignore[attr-defined]
    _start_environ(interpreter == "main")
    if switch_us:
        sys.setswitchinterval(switch_us / 1_000_000)
    errors = LogStream(APP, "wsgi.errors")
    # Some servers have no console at all: then these are None and the first print() would fail.
    sys.stdout = LogStream(INFO, "<stdout>")
    sys.stderr = LogStream(APP, "<stderr>")
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    if not getattr(sys, "argv", None):
        sys.argv = ["pyisapie"]
    # Every key that each request sets is there already: the copy has its room and is only filled.
    own: dict[str, Any] = dict.fromkeys(EVERY_REQUEST, "")
    if tokens:
        from pyisapie import windows

        own[windows.TOKEN_KEY] = windows.Token()
    return own | {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": errors,
        "wsgi.multithread": bool(multithread),
        "wsgi.multiprocess": bool(multiprocess),
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": _engine.FileWrapper,
    }


def describe(error: BaseException, where: str) -> str:
    """The text of an exception for the log."""
    import traceback

    shown = _loading.own_frames_skipped(error.__traceback__)
    if shown is None and not isinstance(error, SyntaxError):  # that one names its place itself
        shown = error.__traceback__
    text = f"{where}:\n" + "".join(traceback.format_exception(type(error), error, shown))
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def wake_on_signals(descriptor: int) -> bool:
    """Have signal handlers of the application wake this thread, if it is the one to run them."""
    try:
        _signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    except ValueError:  # it is not Python's main thread
        return False
    return True


def stack(frame: Any, thread: int, seconds: float) -> str:
    """Where a thread is whose request takes too long, for the log; frame may be None."""
    import traceback

    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        frame = sys._current_frames().get(thread)
    lines = traceback.format_stack(frame) if frame else ["  (it runs no Python code now)\n"]
    return f"the request runs for {seconds:.1f} s, which is too long. It is here:\n" + "".join(
        lines
    )


def _os_handle(descriptor: int) -> int:
    if os.name == "nt":
        import msvcrt

        return msvcrt.get_osfhandle(descriptor)
    return descriptor


def file_range(filelike: Any) -> tuple[int, int, int] | None:
    """(handle, offset, length) of what is left of a plain file, or None for anything else."""
    inner = getattr(filelike, "file", filelike)  # what tempfile.NamedTemporaryFile wraps
    raw = inner.raw if type(inner) in (io.BufferedReader, io.BufferedRandom) else inner
    if type(raw) is not io.FileIO:
        return None
    try:
        inner.flush() if inner.writable() else None
        size = os.fstat(raw.fileno())
        offset = inner.tell()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(size.st_mode):
        return None
    return _os_handle(raw.fileno()), offset, max(0, size.st_size - offset)


def stop(own: int) -> None:
    """Run what an ordinary program runs at its end; its threads are waited for."""
    threading, logging = sys.modules.get("threading"), sys.modules.get("logging")
    if own:
        if threading:
            threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    if logging:
        logging.shutdown()
