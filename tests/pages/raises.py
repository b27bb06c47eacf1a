# SPDX-License-Identifier: Apache-2.0
from Http import Write  # noqa: F401

raise RuntimeError("secret of the import")
Request = None
