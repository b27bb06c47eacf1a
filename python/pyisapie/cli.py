# SPDX-License-Identifier: Apache-2.0
"""The command ``pyisapie``."""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pyisapie
from pyisapie import settings
from pyisapie._loading import bundled_app, folders_of

WORKER = "from pyisapie import _worker; _worker.main()"
DOOR_NAMES = ("pyisapie.so", "pyisapie.dll")
USAGE_ERROR = 2

# What other servers call it.
USUAL_FLAGS = {
    "--port": "--bind",
    "--host": "--bind",
    "-b": "--bind",
    "-w": "--workers",
    "--debug": "--reload",
}
SEVERAL = {"bind": "ADDRESS", "static": "PATH=FOLDER"}  # flags that may come more than once

# How `serve --help` groups the settings.
GROUPS = {
    "what to serve": (
        "app",
        "root",
        "package",
        "config",
        "script-name",
        "static",
        "home",
        "impersonate",
        "door",
        "reload",
    ),
    "where and how many": (
        "bind",
        "workers",
        "mode",
        "parallel",
        "threads",
        "queue",
        "switch-interval",
        "backlog",
        "connections",
    ),
    "limits": (
        "request-line-limit",
        "header-limit",
        "header-count-limit",
        "body-limit",
        "least-rate",
        "stack-size",
    ),
    "time limits, in seconds": (
        "start-timeout",
        "request-timeout",
        "recycle-timeout",
        "header-timeout",
        "keepalive-timeout",
        "body-timeout",
        "write-timeout",
        "shutdown-timeout",
    ),
    "logs": (
        "log",
        "log-level",
        "log-size",
        "log-keep",
        "crash-log",
        "access-log",
        "access-log-file",
        "show-errors",
        "show-tracebacks",
        "server-header",
    ),
    "for tests of ISAPI extensions": ("strict-isapi", "quirks", "applications"),
}


def door_path() -> str:
    """The path of the ISAPI extension that lies in this package.

    FileNotFoundError when the package is not whole.
    """
    folder = Path(__file__).resolve().parent
    for name in DOOR_NAMES:
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(
        f"there is no {DOOR_NAMES[os.name == 'nt']} in {folder}: install pyisapie again"
    )


def _add_setting(parser: argparse._ArgumentGroup, row: settings.Setting) -> None:
    default = row.choices[0] if row.choices else row.default
    text = row.help.replace("%", "%%")
    shown = f"{text} [{default}]" if default and "default" not in text else text
    if row.type == "switch":
        parser.add_argument(f"--{row.name}", nargs="?", const="on", metavar="on|off", help=shown)
    elif row.name in SEVERAL:
        metavar = SEVERAL[row.name]
        parser.add_argument(f"--{row.name}", action="append", metavar=metavar, help=shown)
    else:
        metavar = "|".join(row.choices) if row.choices else row.type.upper()
        parser.add_argument(f"--{row.name}", metavar=metavar, help=shown)


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve an application over HTTP with the ISAPI host of PyISAPIe",
        usage="pyisapie serve [MODULE:APP | FOLDER/ | PATH=...]... [--SETTING VALUE]...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.dedent("""\
            Serve a WSGI application, or a folder of pages.

              pyisapie serve mysite.wsgi:application
              pyisapie serve ./www
              pyisapie serve /=main:app /shop=shop:app --bind 0.0.0.0:8080 --workers 4

            MODULE:CALLABLE names the application; MODULE:FACTORY() is called to make it.
            What has a slash is a folder of pages: its .py files run, the others are sent.
            PATH=MODULE:CALLABLE or PATH=FOLDER/ mounts it there; several can be mounted."""),
        epilog='Each setting can also stand in pyisapie.toml (log-level = "debug") or in an '
        "environment variable (PYISAPIE_LOG_LEVEL=debug). Flags win over the environment, the "
        "environment over the file.",
        allow_abbrev=False,
    )
    _add_settings(serve)
    serve.set_defaults(run=_serve, parser=serve)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("apps", nargs="*", metavar="MODULE:APP", help=settings.TABLE["app"].help)
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in names:
            if name != "app":
                _add_setting(group, settings.TABLE[name])


def _add_service(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    service = commands.add_parser("service", help="serve as a service of Windows")
    actions = service.add_subparsers(metavar="ACTION", required=True)
    install = actions.add_parser(
        "install",
        help="have Windows serve an application, from now on",
        usage="pyisapie service install [--name NAME] MODULE:APP --log FILE [--SETTING VALUE]...",
        allow_abbrev=False,
    )
    remove = actions.add_parser("remove", help="stop it and forget it", allow_abbrev=False)
    for parser in (install, remove):
        parser.add_argument("--name", default="pyisapie", help="the service's name [pyisapie]")
    install.add_argument("--account", help=r"who runs the application [NT AUTHORITY\LocalService]")
    _add_settings(install)
    install.set_defaults(run=_install_service, parser=install)
    remove.set_defaults(run=_remove_service, parser=remove)


def _install_service(options: argparse.Namespace) -> int:
    from pyisapie import service

    values = _merge(options)
    if "log" in values:
        values["log"] = os.path.abspath(values["log"])
    program = Path(door_path()).with_name("pyisapie-host.exe")
    try:
        service.install(options.name, program, values, options.account or service.ACCOUNT)
    except service.ServiceError as error:
        return _complain(error)
    print(f"{options.name} is installed and started; pyisapie service remove takes it out again")
    return 0


def _remove_service(options: argparse.Namespace) -> int:
    from pyisapie import service

    try:
        service.remove(options.name)
    except service.ServiceError as error:
        return _complain(error)
    return 0


def _complain(error: Exception) -> int:
    print(f"pyisapie: {error}", file=sys.stderr)
    return 1


def _flags(options: argparse.Namespace) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in settings.TABLE:
        given = getattr(options, name.replace("-", "_"), None)
        if given is not None:
            text = ",".join(given) if isinstance(given, list) else given
            values[name] = settings.check(name, text, f"--{name}")
    for app in options.apps or ():
        hint = settings.target_hint(app.partition("=")[2] if app.startswith("/") else app)
        if hint:
            raise settings.SettingError(f"{app!r} names a file. {hint}")
    if "static" in values:
        values["static"] = settings.locate_folders(values["static"], Path.cwd(), "--static")
    if options.apps:
        values["app"] = settings.check("app", ",".join(options.apps), "MODULE:APP")
    return values


def _merge(options: argparse.Namespace) -> dict[str, str]:
    """Defaults < file < environment < flags, with root and config as absolute paths."""
    flags, environment = _flags(options), settings.read_environment()
    if "static" in environment:
        where = f"environment variable {settings.TABLE['static'].variable}"
        environment["static"] = settings.locate_folders(environment["static"], Path.cwd(), where)
    given = environment | flags
    root = given.get("root") or bundled_app() or os.curdir
    path = given.get("config") or os.path.join(root, settings.FILE_NAME)
    from_file: dict[str, str] = {}
    if "config" in given or os.path.isfile(path):
        from_file = settings.read_file(path)
        given["config"] = os.path.abspath(path)
    merged = {"root": root} | from_file | given
    merged["root"] = os.path.abspath(merged["root"])
    return merged


def _check_folders(values: dict[str, str]) -> None:
    """Nobody wants a server that says of each request that its folder is not there."""
    if not os.path.isdir(values["root"]):
        raise settings.SettingError(f"there is no folder {values['root']} (setting root).")
    for target in folders_of(values.get("app", "")):
        folder = os.path.join(values["root"], target)
        if not os.path.isdir(folder):
            raise settings.SettingError(
                f"there is no folder {os.path.abspath(folder)} (setting app: what has a slash is a "
                "folder of pages)."
            )


def _serve(options: argparse.Namespace) -> int:
    from pyisapie import _host

    values = _merge(options)
    if not values.get("app") and not values.get("door"):
        raise settings.SettingError(
            "no application is named. Write: pyisapie serve MODULE:APP (such as "
            'mysite.wsgi:application) or FOLDER/ for pages, or app = "MODULE:APP" in pyisapie.toml.'
        )
    _check_folders(values)
    home = values.get("home")
    if home and not (os.path.isdir(home) and os.path.samefile(home, sys.prefix)):
        raise settings.SettingError(
            f"the setting home is {home}, but this command runs in the Python of {sys.prefix}. "
            "Call the command pyisapie of that other Python instead."
        )
    flags = subprocess._args_from_interpreter_flags()  # -X, -W and the like hold for workers too
    command = [sys.executable, *flags, "-c", WORKER]
    if "door" not in values:
        _become_supervisor(values, command)
    return _host.run(values, command, door_path(), False)


def _become_supervisor(values: dict[str, str], command: list[str]) -> None:
    """Go on as the supervisor in C, where it is installed: it needs a tenth of the memory."""
    program = Path(door_path()).with_name("pyisapie-host")
    if os.name == "nt" or not os.access(program, os.X_OK):
        return
    words = [f"{name}={value}" for name, value in values.items()]
    arguments = ["--supervise", str(len(command)), *command, *words]
    os.execv(program, [str(program), *arguments])


def _add_bundle(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bundle = commands.add_parser(
        "bundle", help="put an application with its Python into one archive"
    )
    actions = bundle.add_subparsers(metavar="ACTION", required=True)
    made = actions.add_parser(
        "build",
        help="make a bundle",
        description="Make an archive of Python, PyISAPIe, an application and its packages. It runs "
        "where it is unpacked: pyisapie.exe (or bin/pyisapie) serve MODULE:APP.",
        allow_abbrev=False,
    )
    made.add_argument("--app", type=Path, required=True, metavar="FOLDER", help="the application")
    made.add_argument(
        "--requirements", type=Path, metavar="FILE", help="what it needs, as pip lists it"
    )
    made.add_argument("--target", choices=("windows", "linux"), help="[this system]")
    made.add_argument(
        "--runtime",
        type=Path,
        metavar="FILE",
        help="a bundle without an application (./dev bundle makes it) [for this system: made of "
        "the Python that runs this command]",
    )
    made.add_argument(
        "--output", type=Path, metavar="FILE", help="[FOLDER-PLATFORM.zip or .tar.gz]"
    )
    made.add_argument(
        "--find-links",
        action="append",
        default=[],
        metavar="FOLDER",
        help="where pip looks for wheels, too",
    )
    made.set_defaults(run=_build_bundle, parser=made)


def _build_bundle(options: argparse.Namespace) -> int:
    from pyisapie import bundle

    target = bundle.TARGETS[options.target or bundle.this_target()]
    try:
        made = bundle.build(
            options.app,
            options.requirements,
            target,
            options.runtime,
            options.output,
            options.find_links,
        )
    except bundle.BundleError as error:
        return _complain(error)
    print(made)
    return 0


def _show_settings(options: argparse.Namespace) -> int:
    for row in settings.TABLE.values():
        default = row.choices[0] if row.choices else row.default or "-"
        print(f"{row.name:22} {row.variable:30} {default:16} {row.help}")
    return 0


def _show_door(options: argparse.Namespace) -> int:
    print(door_path())
    return 0


def _check_legacy(options: argparse.Namespace) -> int:
    from pyisapie import legacy

    report = legacy.check(options.folder)
    if options.format == "json":
        import json

        print(json.dumps(report.as_dict(), indent=2))
    else:
        for found in report.findings:
            print(found)
        count, places = len(report.findings), len({found.file for found in report.findings})
        found_text = f"{count} finding{'s' * (count != 1)}"
        print(f"{found_text} in {places} of {report.files} file{'s' * (report.files != 1)}")
    return 1 if report.findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pyisapie", description=pyisapie.__doc__)
    parser.add_argument("--version", action="version", version=f"pyisapie {pyisapie.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_bundle(commands)
    _add_service(commands)
    shown = commands.add_parser("settings", help="list all settings")
    shown.set_defaults(run=_show_settings, parser=shown)
    door = commands.add_parser(
        "door", help="print the path of the ISAPI extension, for a web server's configuration"
    )
    door.set_defaults(run=_show_door, parser=door)
    checked = commands.add_parser(
        "check-legacy",
        help="tell what must change in a site that was made for PyISAPIe 1",
        description="Read the Python files of a site, without running them, and list what Python 3 "
        "and the page API of today want differently. Exit status: 0 for nothing, 1 for something.",
        allow_abbrev=False,
    )
    checked.add_argument("folder", type=Path, metavar="FOLDER", help="the site, or one file of it")
    checked.add_argument("--format", choices=("text", "json"), default="text", help="[text]")
    checked.set_defaults(run=_check_legacy, parser=checked)
    return parser


def _refuse(parser: argparse.ArgumentParser, unknown: list[str]) -> NoReturn:
    """End with the usage of the command that was called, and the flag that was meant, perhaps."""
    flag = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
    known = [name for name in parser._option_string_actions if name.startswith("--")]
    usual = USUAL_FLAGS.get(flag)
    close = [usual] if usual in known else difflib.get_close_matches(flag, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"see `{parser.prog} --help`."
    parser.error(f"there is no {flag}: {hint}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for a failure, 2 for a wrong call."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-") and any(sign in given[0] for sign in ":/\\="):
        print(f"pyisapie: did you mean `pyisapie serve {' '.join(given)}`?", file=sys.stderr)
        return USAGE_ERROR
    options, unknown = _parser().parse_known_args(given)
    if unknown:
        _refuse(options.parser, unknown)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads it has seen enough: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (settings.SettingError, FileNotFoundError) as error:
        print(f"pyisapie: {error}", file=sys.stderr)
        return USAGE_ERROR
    return code
