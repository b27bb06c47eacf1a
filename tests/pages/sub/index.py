# SPDX-License-Identifier: Apache-2.0
import json

from Http import Env, Write

NAMES = ("SCRIPT_NAME", "PATH_INFO", "URL")


def Request() -> None:
    Write(json.dumps([getattr(Env, name) for name in NAMES]))
