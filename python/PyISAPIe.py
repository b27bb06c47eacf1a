# SPDX-License-Identifier: Apache-2.0
"""The request that this thread serves, and its response: what PyISAPIe has had from 1.0 on.

Pages and handlers usually take these names from the package ``Http``. Each function raises
``Exception("Not currently processing a request")`` where there is none, such as in a thread that
a page has started.
"""

import struct

from pyisapie import __version__ as Version
from pyisapie._engine import DisableBuffer as DisableBuffer
from pyisapie._engine import Env as Env
from pyisapie._engine import Header as Header
from pyisapie._engine import Read as Read
from pyisapie._engine import Write as Write

VersionMajor, VersionMinor, VersionRelease = map(int, Version.split("+")[0].split(".")[:3])
VersionRevision = 0
VersionBits = struct.calcsize("P") * 8
VersionFull = f"PyISAPIe {Version} ({VersionBits}-bit)"
