# SPDX-License-Identifier: Apache-2.0
"""On Windows: the process, its handles and its committed memory (bytes). By calls that Wine has."""

from __future__ import annotations

import ctypes
import os
import struct

from tools import Body, Environ, StartResponse, send_json

HANDLE_INFORMATION = 16  # SystemHandleInformation
HANDLE = struct.Struct("<IBBHQI4x")  # owner, type, flags, value, object, access
MEMORY = struct.Struct("<II8Q")  # PROCESS_MEMORY_COUNTERS; PagefileUsage is the last but one


def handles() -> int:
    """How many this process has."""
    size = ctypes.c_ulong(1 << 16)
    while True:
        buffer = ctypes.create_string_buffer(size.value)
        query = ctypes.windll.ntdll.NtQuerySystemInformation  # type: ignore[attr-defined]
        status = query(HANDLE_INFORMATION, buffer, size, ctypes.byref(size))
        if status == 0:
            break
        size = ctypes.c_ulong(len(buffer) * 2)
    (count,) = struct.unpack_from("<I", buffer)
    owners = (HANDLE.unpack_from(buffer, 8 + n * HANDLE.size)[0] for n in range(count))
    return sum(owner == os.getpid() for owner in owners)


def memory() -> int:
    """Bytes that are committed."""
    api = ctypes.windll  # type: ignore[attr-defined]
    buffer = ctypes.create_string_buffer(MEMORY.pack(MEMORY.size, *[0] * 9), MEMORY.size)
    process = ctypes.c_void_p(api.kernel32.GetCurrentProcess())
    api.psapi.GetProcessMemoryInfo(process, buffer, MEMORY.size)
    return int(MEMORY.unpack(buffer.raw)[8])


def app(environ: Environ, start_response: StartResponse) -> Body:
    figures = {"pid": os.getpid(), "handles": handles(), "memory": memory()}
    return send_json(start_response, figures)
