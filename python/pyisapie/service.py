# SPDX-License-Identifier: Apache-2.0
"""``pyisapie service``: our host as a service of Windows."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCOUNT = r"NT AUTHORITY\LocalService"
ACCESS_DENIED, EXISTS, NOT_THERE, MARKED = 5, 1073, 1060, 1072
MANAGER_ALL, SERVICE_ALL = 0xF003F, 0xF01FF
OWN_PROCESS, AUTO_START, ERROR_NORMAL = 0x10, 2, 1
CONTROL_STOP, DESCRIPTION = 1, 1
STOPPED = 1
STOP_SECONDS = 60


class ServiceError(Exception):
    """What has failed, and what to do."""


TEXTS = {
    ACCESS_DENIED: "Windows denies it: call this as administrator.",
    EXISTS: "there is a service of that name: remove it first (pyisapie service remove), or name "
    "another one (--name).",
    NOT_THERE: "there is no service of that name.",
    MARKED: "the service is about to be removed: close what shows it, such as services.msc.",
}


def _api() -> Any:
    if os.name != "nt":
        raise ServiceError("services are of Windows; here systemd runs `pyisapie serve`.")
    api = ctypes.WinDLL("advapi32", use_last_error=True)  # type: ignore[attr-defined]
    for name in ("OpenSCManagerW", "CreateServiceW", "OpenServiceW"):
        getattr(api, name).restype = ctypes.c_void_p
    return api


def _last_error() -> int:
    return ctypes.get_last_error()  # type: ignore[attr-defined,no-any-return]


def _fail(code: int = 0) -> None:
    code = code or _last_error()
    raise ServiceError(TEXTS.get(code) or str(ctypes.WinError(code)))  # type: ignore[attr-defined]


class _Manager:
    """The service manager, and handles that are closed at the end."""

    def __enter__(self) -> _Manager:
        self.api = _api()
        self._handles: list[ctypes.c_void_p] = []
        self.handle = self.kept(self.api.OpenSCManagerW(None, None, MANAGER_ALL))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in reversed(self._handles):
            self.api.CloseServiceHandle(handle)

    def kept(self, raw: int | None) -> ctypes.c_void_p:
        if not raw:
            _fail()
        handle = ctypes.c_void_p(raw)
        self._handles.append(handle)
        return handle


def command_line(program: Path, name: str, values: Mapping[str, str]) -> str:
    """What the service manager starts."""
    words = [f"{key}={value}" for key, value in values.items()]
    return subprocess.list2cmdline([str(program), "--service", name, *words])


def install(name: str, program: Path, values: Mapping[str, str], account: str) -> None:
    """Have Windows start the host with these settings, now and whenever it starts itself."""
    if "log" not in values:
        raise ServiceError(
            "a service has no console for its log: name a file that its account may write to "
            "(--log FILE)."
        )
    values = {"home": sys.prefix} | dict(values)
    line = command_line(program, name, values)
    with _Manager() as manager:
        made = manager.kept(manager.api.CreateServiceW(
            manager.handle, name, f"PyISAPIe: {name}", SERVICE_ALL, OWN_PROCESS, AUTO_START,
            ERROR_NORMAL, line, None, None, None, account, None))  # fmt: skip
        text = ctypes.c_wchar_p(f"Serves {values.get('app', '')} over HTTP.")
        manager.api.ChangeServiceConfig2W(made, DESCRIPTION, ctypes.byref(text))
        if not manager.api.StartServiceW(made, 0, None):
            code = _last_error()
            manager.api.DeleteService(made)  # it would be in the way of the next try
            _fail(code)


def _stop(api: Any, handle: ctypes.c_void_p) -> None:
    status = (ctypes.c_ulong * 7)()
    api.ControlService(handle, CONTROL_STOP, ctypes.byref(status))
    end = time.monotonic() + STOP_SECONDS
    while api.QueryServiceStatus(handle, ctypes.byref(status)) and status[1] != STOPPED:
        if time.monotonic() > end:
            raise ServiceError("the service does not stop: see its log.")
        time.sleep(0.1)


def remove(name: str) -> None:
    """Stop the service, when its requests have ended, and have Windows forget it."""
    with _Manager() as manager:
        handle = manager.kept(manager.api.OpenServiceW(manager.handle, name, SERVICE_ALL))
        _stop(manager.api, handle)
        if not manager.api.DeleteService(handle):
            _fail()
