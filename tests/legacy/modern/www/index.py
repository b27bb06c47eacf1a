# SPDX-License-Identifier: Apache-2.0
"""What looks old, and is not: print "a"; except X, e; 0777; <>; `x`; urllib2.urlopen()."""

from __future__ import annotations

import sys
import urllib.parse
from functools import reduce
from itertools import count

from Http import Env, Header, Read, Write

long, file, unicode = 1, "print x", "ur'x'"
numbers: dict[str, int] = {"0777": 0o777, "zero": 00, "hex": 0xE1}


def Request(next: object = None, *, cmp: int = 1) -> object:
    data = Read()
    form = urllib.parse.parse_qs(data.decode())
    if data.startswith(b"a=") or b"&" in data or Read(-1) > 1:
        Header(["X-One: 1", f"X-{'Two'}: {form.get('a', ['`'])[0]!r}"], Status=(404, "No"))
    match data:
        case b"print x":
            print("to the log", file=sys.stderr)
        case _ if (rest := data[1:]):
            Write(str(len(rest)) + "<>")
    try:
        raise KeyError("raise X, 'text'") from None
    except (KeyError, ValueError) as error:
        Write(f"{error} {next} {cmp} {long} {file!s:>10} {{except X, e}} {unicode}")
    exec("pass", {})
    total = reduce(lambda a, b: a + b, (n for n in range(3)))
    Write(f"{total:{numbers['zero']}d}" if total else """print "x" in a text""")
    return Env.URL == "/pass" or list(numbers.keys())[0] or count()
