# SPDX-License-Identifier: Apache-2.0
"""What Wine lacks ends the process when it is called; the standard library does without."""

import sys

sys.modules["_wmi"] = None  # type: ignore[assignment]  # for platform; propsys.VariantToString

import _winapi  # noqa: E402

if hasattr(_winapi, "CopyFile2"):  # for shutil
    del _winapi.CopyFile2
