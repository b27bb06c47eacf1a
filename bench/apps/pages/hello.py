# SPDX-License-Identifier: Apache-2.0
from Http import Header, Write


def Request() -> None:
    Header("Content-Type: text/plain")
    Write("Hello, world!\n")
