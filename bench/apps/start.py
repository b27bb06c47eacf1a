# SPDX-License-Identifier: Apache-2.0
"""Starts the servers that have no command of their own: start.py fastpysgi|bjoern APP PORT."""

import sys
from importlib import import_module


def main() -> None:
    server, app, port = sys.argv[1:]
    module, _, name = app.partition(":")
    application = getattr(import_module(module), name)
    if server == "fastpysgi":
        import fastpysgi

        fastpysgi.run(application, host="127.0.0.1", port=int(port), loglevel=0)
    else:
        import bjoern

        bjoern.run(application, "127.0.0.1", int(port))


if __name__ == "__main__":
    main()
