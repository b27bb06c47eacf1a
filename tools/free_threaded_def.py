# SPDX-License-Identifier: Apache-2.0
"""Make the module definition of pythonXYt.dll, the free-threaded CPython for Windows.

Nobody gives that DLL by package name. Its headers are those of pythonXY.dll, with Py_GIL_DISABLED
defined (https://docs.python.org/3.13/howto/free-threading-extensions.html), and so are the names
that it exports, but for those that only free-threaded code needs.

usage: free_threaded_def.py OBJDUMP pythonXY.dll OUTPUT.def
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# Of refcount.h and critical_section.h, where there is no GIL.
MORE = ("_Py_DecRefShared", "_Py_IncRefSharedSlow", "_Py_MergeZeroLocalRefcount")


def exports(objdump: str, dll: str) -> list[str]:
    """The names that a DLL exports."""
    dump = subprocess.run([objdump, "-p", dll], stdout=subprocess.PIPE, text=True, check=True)
    table = dump.stdout.partition("[Ordinal/Name Pointer] Table")[2]
    return re.findall(r"^\s*\[ *\d+\](?: \+base\[ *\d+\] +[0-9a-f]+)? (\w+)$", table, re.MULTILINE)


def main() -> None:
    objdump, dll, output = sys.argv[1:]
    names = exports(objdump, dll)
    if len(names) < 1000:
        raise SystemExit(f"{objdump} has found {len(names)} names in {dll}: too few for a Python")
    lines = [f"LIBRARY {Path(dll).stem}t.dll", "EXPORTS", *sorted({*names, *MORE})]
    Path(output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
