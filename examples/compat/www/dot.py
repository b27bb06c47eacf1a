# SPDX-License-Identifier: Apache-2.0
# A picture: bytes, whose number is told first. Any response could be closed after it.
from base64 import b64decode

from Http import Header, Write

Dot = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def Request():  # noqa: ANN201
    Header(["Content-Type: image/gif", "Expires: 0"], Length=len(Dot), Close=True)
    Write(Dot)
