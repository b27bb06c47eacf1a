# SPDX-License-Identifier: Apache-2.0
"""Load applications, and say what is wrong when that fails.

What only a failure needs is imported then: the rest is in the memory of every worker.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import warnings

from pyisapie import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any

FILE_NAME = "pyisapie.toml"
ERROR, INFO = 0, 2
MAIN, ISOLATED, FREE_THREADED = range(3)

mode = MAIN
package = "Http"  # with the handler of pages
folders: set[str] = set()  # of all sites in this interpreter, on sys.path
_guilty: list[str] = []  # modules that have brought the GIL back
_failures: dict[tuple[str, str, str], str] = {}  # of each site, as it was logged last


IN_APP = (
    "in what `pyisapie serve` is given, or in the setting app (PYISAPIE_APP, or app in "
    "pyisapie.toml)"
)
IN_ROOT = (
    "--root of `pyisapie serve`, or the setting root (PYISAPIE_ROOT, or root in pyisapie.toml)"
)


class LoadError(Exception):
    """An application that cannot be loaded: what is wrong, and what to do."""

    def __init__(self, summary: str, advice: str, cause: BaseException | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.advice = advice
        self.cause = cause


def parse_mounts(spec: str) -> list[tuple[str, str]]:
    """Split ``/=main:app,/shop=shop:app`` or ``module:callable`` into (path, target) pairs.

    A target that has a slash is a folder of pages.

    The longest path comes first; a path is "" or "/name", never ends in a slash.
    """
    mounts: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in spec.replace("\n", ",").split(","))):
        is_mount = part.startswith("/") and "=" in part
        path, _, target = part.partition("=") if is_mount else ("/", "=", part)
        path = path.strip().rstrip("/")
        if not target.strip():
            raise LoadError(
                f"The mount {part!r} names no application.",
                "Write PATH=MODULE:CALLABLE, such as /shop=shop.wsgi:application; or PATH=FOLDER/ "
                "for a folder of pages.",
            )
        if path in mounts:
            raise LoadError(
                f"Two applications are mounted at {path or '/'}: {mounts[path]!r} and "
                f"{target.strip()!r}.",
                "Give each a path of its own. An address is given by --bind.",
            )
        mounts[path] = target.strip()
    return sorted(mounts.items(), key=lambda item: len(item[0]), reverse=True)


def _import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        from pyisapie import settings

        if error.name and (name == error.name or name.startswith(error.name + ".")):
            parent, _, last = name.rpartition(".")
            meant = f"{parent}:{last}" if hasattr(sys.modules.get(parent), last) else ""
            hint = f"Did you mean {meant}?" if meant else settings.target_hint(name)
            hint = _unreadable(folders) or hint
            raise LoadError(
                f"There is no module named {error.name!r}.",
                f"{hint} Check the name {IN_APP}. The folder that holds it "
                f"is {IN_ROOT}. Python looked in: {os.pathsep.join(sys.path)}".lstrip(),
                error,
            ) from error
        raise LoadError(
            f"The application {name!r} needs the module {error.name!r}, which is not installed.",
            f"Install its package into this environment: {sys.executable} -m pip install PACKAGE",
            error,
        ) from error
    except SyntaxError as error:
        raise LoadError(
            f"There is a syntax error in {error.filename}, line {error.lineno}.",
            "Mend it; the next request tries again.",
            error,
        ) from error
    except ImportError as error:
        raise _not_isolated(error) or _raised(name, error) from error
    except Exception as error:
        raise _raised(name, error) from error


def _unreadable(of_sites: Iterable[str]) -> str:
    """What to tell when nothing is found in a site's folder since this account may not list it."""
    for folder in of_sites:
        try:
            os.scandir(folder).close()
        except PermissionError:
            return f"This account may not read the folder {folder}."
    return ""


def _raised(name: str, error: Exception) -> LoadError:
    return LoadError(
        f"The application {name!r} raised {type(error).__name__} when it was imported.",
        "The traceback ends where it happened. Mend it; the next request tries again.",
        error,
    )


def _not_isolated(error: BaseException | None) -> LoadError | None:
    """The failure of an extension module that does not know several interpreters."""
    while error is not None:
        before, found, _ = str(error).partition(" does not support loading in subinterpreters")
        if found:
            return LoadError(
                f"The module {before.rpartition(' ')[2]!r} cannot be used in mode isolated.",
                "It is made for one interpreter only. Set mode to main, or install a version of "
                "it that supports subinterpreters.",
                error,
            )
        error = error.__cause__ or error.__context__
    return None


def _is_folder(target: str) -> bool:
    return target in (".", "..") or "/" in target or "\\" in target


def folders_of(spec: str) -> list[str]:
    """The folders of pages among the mounts; none where the mounts are wrong."""
    try:
        return [target for _, target in parse_mounts(spec) if _is_folder(target)]
    except LoadError:
        return []


def _import_target(path: str, target: str, root: str) -> tuple[Any, ...]:
    if not _is_folder(target):
        return (path, import_app(target))
    from pyisapie import _pages

    return (path, *_pages.load(target, root, package))


def _import_apps(app: str, root: str) -> list[tuple[Any, ...]]:
    return [_import_target(path, target, root) for path, target in parse_mounts(app)]


def _import_apps_without_gil(app: str, root: str) -> list[tuple[Any, ...]]:
    """In mode free-threaded: tell which module brings the GIL back."""
    shown = warnings.showwarning

    def show(message: Warning | str, *rest: Any, **named: Any) -> None:
        name = str(message).partition("GIL) has been enabled to load module '")[2].partition("'")[0]
        if name:
            _guilty.append(name)
        else:
            shown(message, *rest, **named)

    warnings.showwarning = show
    try:
        apps = _import_apps(app, root)
    finally:
        warnings.showwarning = shown
    if sys._is_gil_enabled():  # type: ignore[attr-defined]
        raise _gil_is_back()
    return apps


def _gil_is_back() -> LoadError:
    if not _guilty:
        return LoadError(
            "Python runs with its GIL, in spite of mode free-threaded.",
            "Remove PYTHON_GIL=1 or -X gil=1 and restart the server, or set mode to main.",
        )
    return LoadError(
        f"The module {', '.join(map(repr, _guilty))} has brought the GIL back.",
        "It does not say that it can do without the GIL. Set mode to main, or install a version "
        "of it for free-threaded Python; then restart the server.",
    )


def _origin(name: str) -> str:
    """Where a module has come from: perhaps from a library that has one of the same name."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file:
        return f"the module in {file}"
    folders = list(getattr(module, "__path__", ()))
    return f"the package in {folders[0]}" if folders else "a module of Python itself"


def _pages_hint(name: str) -> str:
    """What to write for the pages of a folder that was named as a module, without a slash."""
    module = sys.modules.get(name)
    is_folder = hasattr(module, "__path__") and not getattr(module, "__file__", None)
    return f" For the pages of that folder: {name.replace('.', '/')}/" if is_folder else ""


def import_app(target: str) -> Any:
    """The application that ``module:callable`` names; ``module:factory()`` is called."""
    module_name, _, attribute = target.partition(":")
    attribute = attribute or "application"
    factory = attribute.endswith("()")
    found: Any = _import_module(module_name)
    for part in attribute.removesuffix("()").split("."):
        if not hasattr(found, part):
            names = [n for n, v in vars(found).items() if callable(v) and not n.startswith("_")]
            raise LoadError(
                f"{module_name!r} has no {attribute!r}: it is {_origin(module_name)}.",
                f"It has these callables: {', '.join(names[:20]) or 'none'}. "
                f"Write MODULE:CALLABLE {IN_APP}.{_pages_hint(module_name)}",
            )
        found = getattr(found, part)
    if factory:
        try:
            found = found()
        except Exception as error:
            raise LoadError(
                f"{target} raised {type(error).__name__}.",
                "The traceback ends where it happened.",
                error,
            ) from error
    if not callable(found):
        raise LoadError(
            f"{target} is not callable: it is of type {type(found).__name__}.",
            "Name the WSGI application itself, or a factory as MODULE:FACTORY().",
        )
    _check_is_wsgi(target, found)
    return found


VARARGS, COROUTINE = 0x04, 0x80  # flags of code objects


def _check_is_wsgi(target: str, app: Any) -> None:
    """Tell what each request would fail by, as far as it can be seen."""
    function = app if hasattr(app, "__code__") else type(app).__call__
    code = getattr(function, "__code__", None)
    if code and code.co_flags & COROUTINE:
        raise LoadError(
            f"{target} is an async function: an ASGI application, perhaps.",
            "Only WSGI applications are served yet. For ASGI ones there are adapters, such as the "
            "package a2wsgi.",
        )
    if function is app and code and not code.co_argcount and not code.co_flags & VARARGS:
        raise LoadError(
            f"{target} takes no arguments, and a WSGI application takes two.",
            f"If it makes the application, write {target.partition('()')[0]}().",
        )


def bundled_app() -> str:
    """The folder of the application in the bundle whose Python this is; "" in any other Python."""
    top = os.path.dirname(sys.prefix)
    return os.path.join(top, "app") if os.path.isfile(os.path.join(top, "bundle.json")) else ""


def _choose_log(values: dict[str, str]) -> None:
    """Have this site logged where its own file says; else with the process."""
    size, keep = (
        _engine.check_setting(name, values[name]) if name in values else -1
        for name in ("log-size", "log-keep")
    )
    try:
        _engine.choose_log(values.get("log", ""), size, keep, values.get("log-level", ""))
    except ValueError as error:
        raise LoadError(
            f"The application has no log: {error}.",
            "Choose a folder that the server's account may write to (setting: log).",
        ) from error


def _settings_of(app: str, root: str, config: str) -> tuple[str, str]:
    """Complete what the server gives with what pyisapie.toml says: (app, root)."""
    values: dict[str, str] = {}
    root = root or ("" if config else bundled_app())
    path = config or (os.path.join(root, FILE_NAME) if root else "")
    if config or (path and os.path.isfile(path)):
        from pyisapie import settings

        try:
            values = settings.read_file(path)
        except settings.SettingError as error:
            raise LoadError(str(error), "Mend the settings file.", None) from error
        app = app or values.get("app", "")
        root = root or values.get("root", os.path.dirname(os.path.abspath(path)))
    _choose_log(values)
    if not app:
        raise LoadError(
            "No application is configured.",
            f"{_unreadable([root] if root else [])} Write pyisapie serve MODULE:CALLABLE; or set "
            "PYISAPIE_APP (in Apache: SetEnv PYISAPIE_APP MODULE:CALLABLE), or app in "
            "pyisapie.toml.".lstrip(),
        )
    return app, root


def _load(app: str, root: str, config: str) -> list[tuple[Any, ...]]:
    app, root = _settings_of(app, root, config)
    if root:
        if not os.path.isdir(root):
            raise LoadError(
                f"The folder {root} does not exist, or this account may not read it.",
                f"It is {IN_ROOT}.",
            )
        root = os.path.abspath(root)
        folders.add(root)
        if root not in sys.path:
            sys.path.insert(0, root)
    importlib.invalidate_caches()
    load_apps = _import_apps_without_gil if mode == FREE_THREADED else _import_apps
    return load_apps(app, root)


def own_frames_skipped(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that lies in the application."""
    here = os.path.dirname(__file__)
    pages = os.path.join(here, "_pages.py"), os.path.join(os.path.dirname(here), "Http", "Isapi.py")
    ours = {__file__, importlib.__file__, *pages}
    while trace and (
        trace.tb_frame.f_code.co_filename in ours
        or trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")
    ):
        trace = trace.tb_next
    return trace


def _trace(error: BaseException | None) -> str:
    if error is None:
        return ""
    import traceback

    shown = own_frames_skipped(error.__traceback__)
    return "".join(traceback.format_exception(type(error), error, shown))


def _forget(before: set[str], root: str) -> None:
    """Drop the application's own modules that a failed load has left: they may be mended, too."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        inside = not root or file.startswith(os.path.join(os.path.abspath(root), ""))
        if inside and file.endswith(".py") and "site-packages" not in file.split(os.sep):
            del sys.modules[name]


def _log_once(site: tuple[str, str, str], text: str) -> None:
    """Log why a site cannot be loaded, unless the try before has failed in the same way."""
    if _failures.get(site) != text:
        _failures[site] = text
        _engine.log(ERROR, text)


def load(app: str, root: str, config: str, reload: int) -> tuple[Any, ...]:
    """Load a site: (True, mounts), or (False, summary, detail, advice) after logging it."""
    before = set(sys.modules)
    try:
        mounts = _load(app, root, config)
    except LoadError as error:
        failure = (error.summary, _trace(error.cause), error.advice)
    except BaseException as error:  # SystemExit at import must not end the server
        name = type(error).__name__
        failure = (f"The application raised {name} when it was loaded.", _trace(error), "")
    else:
        if _failures.pop((app, root, config), None):
            _engine.log(INFO, "The application is loaded now.")
        gc.collect()
        gc.freeze()
        if reload:
            from pyisapie import _reload

            _reload.watch()
        return (True, mounts)
    _forget(before, root)
    if reload:
        from pyisapie import _reload

        _reload.watch()
    _log_once((app, root, config), "\n".join(filter(None, failure)))
    return (False, *failure)
