# SPDX-License-Identifier: Apache-2.0
"""Wine's propsys.dll lacks what _wmi calls, and ends the process: platform does without."""

import sys

sys.modules["_wmi"] = None  # type: ignore[assignment]
