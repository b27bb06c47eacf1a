# SPDX-License-Identifier: Apache-2.0
"""Pages: find the handler of a site and its settings, and serve .py files of a document root.

Imported only where a site has pages.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from threading import RLock, local
from types import CodeType, ModuleType
from typing import Any

from pyisapie import _engine, _loading
from pyisapie._loading import LoadError

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE_MAX = 16 * 1024 * 1024  # bytes of a page's file
NAMES_MAX = 4096  # paths that are remembered
LOOK_SECONDS = 1.0  # a page's file is looked at so often
BUFFER_MIN, BUFFER_MAX = 64, 131072

MISSING = "404 Not Found: there is nothing here.\n"
FORBIDDEN = "403 Forbidden: this page cannot be read.\n"


# ---- the package ----


def _folders_of(name: str, tops: Sequence[str]) -> list[str]:
    """A site's own folders for the package, in the order of sys.path.

    tops: of the folders there that are sites', the ones of this site.
    """
    entries = [e or os.getcwd() for e in sys.path if e in tops or e not in _loading.folders]
    folders = [os.path.join(entry, name) for entry in entries]
    own = os.path.join(HERE, "Http")
    return [f for f in dict.fromkeys(folders) if os.path.isdir(f) and not _same(f, own)]


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def load_package(name: str, tops: Sequence[str]) -> ModuleType:
    """The package Http, or one of another name that is made like it.

    A site's own folder of that name goes first for its modules; what it does not have is ours.
    Another package than Http that has an __init__.py of its own is taken as it is. LoadError when
    two sites have such folders: each would get modules of the other.
    """
    own = os.path.join(HERE, "Http")
    if not os.path.isfile(os.path.join(own, "__init__.py")):
        raise LoadError(
            f"Pages need the package Http beside pyisapie, in {HERE}, and it is not there.",
            "Copy the folder Http along with pyisapie, or install pyisapie by pip.",
        )
    folders = _folders_of(name, tops)
    package = sys.modules.get(name)
    if package:
        missing = [f for f in folders if f not in package.__path__]
        of_sites = {os.path.join(top, name) for top in _loading.folders}
        others = [f for f in package.__path__ if f in of_sites and f not in folders]
        if missing and others:
            raise _in_use(name, others[0])
        package.__path__[:0] = missing
        return package
    if name != "Http" and any(os.path.isfile(os.path.join(f, "__init__.py")) for f in folders):
        package = importlib.import_module(name)
        package.__path__.append(own)
        return package
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(own, "__init__.py"), submodule_search_locations=[*folders, own]
    )
    assert spec and spec.loader
    package = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(package)
    except BaseException:
        del sys.modules[name]
        raise
    return package


def import_part(package: str, part: str, tops: Sequence[str]) -> ModuleType:
    """A module of the package, for the site with these folders.

    The package is one for all sites in an interpreter: LoadError when its module is another site's.
    """
    module = importlib.import_module(f"{package}.{part}")
    file = os.path.abspath(module.__file__ or "")
    wanted = _own_file(package, part, tops)
    of_sites = [os.path.join(top, package, part + ".py") for top in _loading.folders]
    if (not _same(file, wanted)) if wanted else any(_same(file, other) for other in of_sites):
        raise _in_use(f"{package}.{part}", file)
    return module


def _in_use(name: str, file: str) -> LoadError:
    return LoadError(
        f"{name} is in use here already, from {file}: for another site.",
        "Sites with modules of their own for that package need processes of their own: on IIS "
        "an application pool for each; or interpreters, by InterpreterMap in their Config.py.",
    )


def _own_file(package: str, part: str, tops: Sequence[str]) -> str | None:
    """A site's own module for the package."""
    own = [os.path.join(top, package, part + ".py") for top in tops]
    return next(filter(os.path.isfile, own), None)


def load_config(name: str, tops: Sequence[str]) -> ModuleType:
    """The package, and the site's Config in it.

    Several sites may have modules of their own here if each has interpreters for its requests.
    """
    try:
        load_package(name, tops)
        return import_part(name, "Config", tops)
    except LoadError:
        file = _own_file(name, "Config", tops)
        spec = importlib.util.spec_from_file_location(f"{name}.Config", file) if file else None
        if not spec or not spec.loader:
            raise
        config = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(config)
        if getattr(config, "InterpreterMap", None) is None:
            raise
        return config


# ---- its settings ----


def _headers(config: ModuleType, name: str) -> tuple[tuple[bytes, bytes], ...]:
    lines = getattr(config, name, None) or ()
    if isinstance(lines, str):
        lines = [lines]
    pairs = []
    for line in lines:
        key, colon, value = line.partition(":") if isinstance(line, str) else ("", "", "")
        clean = value.isprintable() and key.isascii() and key.replace("-", "").isalnum()
        if not colon or not clean:
            raise _wrong(config, name, line, "a list of texts such as 'Name: value'")
        pairs.append((key.encode("ascii"), value.strip().encode("latin-1")))
    return tuple(pairs)


def _wrong(config: ModuleType, name: str, value: object, wanted: str) -> LoadError:
    return LoadError(
        f"{config.__name__}.{name} is {value!r}: it must be {wanted}.",
        f"Mend it in {getattr(config, '__file__', config.__name__)}, or where Isapi sets it.",
    )


def _number(config: ModuleType, name: str, low: int, high: int, fallback: int) -> int:
    value = getattr(config, name, fallback)
    if value is None:
        return 0
    if type(value) is not int or not low <= value <= high:
        raise _wrong(config, name, value, f"None or a number from {low} to {high}")
    return value


# ---- a page ----


class Page:
    """One file: a module with a Request(), which is imported once; or a script, which runs anew
    for each request."""

    def __init__(self, file: str, stamp: list[int], source: bytes) -> None:
        self.file = file
        self.stamp = stamp
        self.source = source
        self.look_at = 0.0
        self.code: CodeType = compile(source, file, "exec", dont_inherit=True)
        self.request: Callable[[], object] | None = None
        self.is_script = not _assigns(source, file, "Request")
        if not self.is_script:
            self._import("page:" + file)  # sites may have pages of the same name

    def _import(self, name: str) -> None:
        module = ModuleType(name)
        module.__file__ = self.file
        module.__dict__["__target__"] = self.file
        before = sys.modules.get(name)
        sys.modules[name] = module
        try:
            exec(self.code, module.__dict__)
        except BaseException:
            if before:
                sys.modules[name] = before
            else:
                del sys.modules[name]
            raise
        self.request = module.__dict__["Request"]

    def run(self) -> object:
        if self.request:
            return self.request()
        names = {"__name__": "__main__", "__file__": self.file, "__target__": self.file}
        exec(self.code, names)
        request = names.get("Request")  # of a star import
        return request() if callable(request) else None


def _assigns(source: bytes, file: str, name: str) -> bool:
    """Whether a module's top level gives this name a value."""
    import symtable

    text = importlib.util.decode_source(source)
    table = symtable.symtable(text, file, "exec")
    try:
        symbol = table.lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported()


# ---- a document root ----


class _Place:
    """Where a file's page is, and who loads it."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.page: Page | None = None


class Pages:
    """A folder whose .py files are pages, and the settings of its responses."""

    def __init__(self, folder: str, config: ModuleType) -> None:
        self.folder = folder
        self._places: dict[str, _Place] = {}  # by the file's name in the folder
        self._package = f"/{config.__name__.partition('.')[0]}/".lower()  # it may lie there, too
        self._names: dict[str, Page] = {}  # by path
        # As the user who asks, each request must be able to read its page.
        always = getattr(config, "Debug", False) or _engine.impersonates()
        self._look_seconds = 0.0 if always else LOOK_SECONDS
        self.interpreter_map = getattr(config, "InterpreterMap", None)
        if not (
            self.interpreter_map is None
            or isinstance(self.interpreter_map, str)
            or callable(self.interpreter_map)
        ):
            wanted = "None, the name of a variable, or a function"
            raise _wrong(config, "InterpreterMap", self.interpreter_map, wanted)
        self.settings = (
            folder,
            _number(config, "BufferSize", BUFFER_MIN, BUFFER_MAX, BUFFER_MAX),
            bool(getattr(config, "KeepAlive", True)),
            _headers(config, "DefaultHeaders"),
            _headers(config, "StaticHeaders"),
            self.interpreter_map,
            _number(config, "InterpreterLimit", 1, 1024, 16),
        )

    def translated(self, path: str) -> str:
        """The file that a path would lead to: the variable SCRIPT_TRANSLATED."""
        return os.path.join(self.folder, "") + path.strip("/").replace("/", os.sep)

    def serve(self) -> object:
        """Answer the request with a page, or return True: the server is to."""
        path = _engine.page_path()
        page = self._names.get(path)
        if page is None or page.look_at <= time.monotonic():
            return self._look(path, page)
        _engine.page_is(len(path), page.is_script)
        return page.run()

    def _look(self, path: str, known: Page | None) -> object:
        name = page_name(path)
        if name is None:
            return self._add_slash(path)
        target = name + "index.py" if name.endswith("/") else name
        try:
            source, file, *stamp = _engine.read_source(
                self.folder, target.removeprefix("/").encode("latin-1"), SOURCE_MAX
            )
        except FileNotFoundError:
            return True if name.endswith("/") else answer(404, MISSING)
        except PermissionError:
            return answer(403, FORBIDDEN)
        if f"/{file}".lower().startswith(self._package):
            return answer(404, MISSING)
        # A page that is known does not wait for its new version to be loaded, others not at all.
        place = self._places.setdefault(file, _Place())
        instead = known if self._look_seconds else None
        page = _engine.hold(place.lock, self._current, (file, source, stamp), instead)
        if name == path:
            if len(self._names) >= NAMES_MAX:
                self._names.clear()
            self._names[path] = page
        _engine.page_is(len(name), page.is_script)
        return page.run()

    def _add_slash(self, path: str) -> object:
        """Lead the client to the page of a folder; True where there is none."""
        name = None if "." in path.rpartition("/")[2] else page_name(path + "/")
        if name is None:
            return True
        index = (name + "index.py").removeprefix("/").encode("latin-1")
        try:
            _engine.read_source(self.folder, index, SOURCE_MAX)
        except OSError:
            return True
        from urllib.parse import quote

        url = "/" + quote(_engine.Env.URL.strip("/").encode("latin-1")) + "/"
        query = _engine.Env.QUERY_STRING
        return _engine.Header(f"Location: {url}{'?' * bool(query)}{query}", Status=301)

    def _current(self, read: tuple[str, bytes, list[int]]) -> Page:
        """The page of a file, which is loaded anew if that has changed."""
        file, source, stamp = read
        place = self._places[file]
        page = place.page
        if page is None or page.stamp != stamp or page.source != source:
            path = os.path.join(self.folder, *file.split("/"))
            page = place.page = Page(path, stamp, source)
        page.look_at = time.monotonic() + self._look_seconds
        return page


def page_name(path: str) -> str | None:
    """The part of a path that names a page or a folder; None where it names another file."""
    lower = path.lower()
    if lower.endswith((".py", "/")):
        name = path
        end = lower.find(".py/")
    else:
        end = lower.find(".py/")
        if end < 0:
            return None
    if end >= 0:
        name = path[: end + 3]
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return None if hidden else name


def answer(status: int, text: str) -> None:
    _engine.Header("Content-Type: text/plain; charset=utf-8", Status=status)
    _engine.Write(text)


# ---- a script's streams ----


class Output(io.TextIOBase):
    """sys.stdout: the response for scripts, the log for everything else."""

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log
        self.name = log.name
        self.buffer = _Bytes()

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() takes str, not {type(text).__name__}")
        return len(text) if _engine.page_print(text) else self._log.write(text)

    def flush(self) -> None:
        self._log.flush()

    def close(self) -> None:
        """It outlives its users."""


class _Bytes(io.BufferedIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not _engine.page_print(data):
            raise io.UnsupportedOperation("only scripts can write bytes to sys.stdout")
        return memoryview(data).nbytes


class _Body(io.RawIOBase):
    def __init__(self, body: Any) -> None:
        self.body = body

    def readable(self) -> bool:
        return True

    def readinto(self, out: Any) -> int:
        data = self.body.read(len(out))
        out[: len(data)] = data
        return len(data)


class Input:
    """sys.stdin: the request's body for scripts, what it was before for everything else."""

    def __init__(self, before: Any) -> None:
        self._before = before
        self._own = local()

    def _stream(self) -> Any:
        body = _engine.page_body()
        if body is None:
            return self._before
        if getattr(self._own, "body", None) is not body:
            self._own.body = body
            self._own.text = io.TextIOWrapper(io.BufferedReader(_Body(body)), "utf-8", "replace")
        return self._own.text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)

    def __iter__(self) -> Iterable[str]:
        return iter(self._stream())


def _bind_streams() -> None:
    if not isinstance(sys.stdout, Output):
        sys.stdout = Output(sys.stdout)
        sys.stdin = Input(sys.stdin)  # type: ignore[assignment]


# ---- loading ----


def load(target: str, base: str, package_name: str) -> tuple[Callable[[], object], Pages]:
    """The handler for the pages of a folder, and the folder. LoadError says what is wrong."""
    folder = os.path.abspath(os.path.join(base or os.getcwd(), target))
    if not os.path.isdir(folder):
        raise LoadError(
            f"The folder of pages {folder} does not exist, or this account may not read it.",
            "Name an existing folder. A relative one is taken from the setting root.",
        )
    _loading.folders.add(folder)
    if folder not in sys.path:
        sys.path.append(folder)
    _bind_streams()
    tops = [os.path.abspath(base or os.getcwd()), folder]
    config = load_config(package_name, tops)
    # What Isapi changes in Config counts where it serves: it is imported first there.
    lazy = (
        getattr(config, "InterpreterMap", None) is not None and builtins.__interp__ == "main"  # type: ignore[attr-defined]
    )
    handler = _Lazy(package_name, tops) if lazy else _find_handler(package_name, tops)
    pages = Pages(os.path.realpath(folder), config)
    if pages.interpreter_map is not None and _loading.mode != _loading.MAIN:
        raise LoadError(
            f"{config.__name__}.InterpreterMap needs the mode main.",
            "Set mode to main, or InterpreterMap to None.",
        )
    return handler, pages


def _find_handler(package: str, tops: Sequence[str]) -> Callable[[], object]:
    module = import_part(package, "Isapi", tops)
    request = getattr(module, "Request", None)
    if not callable(request):
        raise LoadError(
            f"{package}.Isapi has no function Request().",
            f"Write one in {module.__file__}, or remove that file: then pages are served.",
        )
    return request


class _Lazy:
    """The handler in the main interpreter, where a site has others for most requests."""

    def __init__(self, package: str, tops: Sequence[str]) -> None:
        self._package = package
        self._tops = tops
        self._request: Callable[[], object] | None = None

    def __call__(self) -> object:
        if self._request is None:
            self._request = _find_handler(self._package, self._tops)
        return self._request()
