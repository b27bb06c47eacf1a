# SPDX-License-Identifier: Apache-2.0
# A script that reads as CGI programs do: the body is the standard input.
import sys

from Http import Env, Header

Header("Content-Type: text/plain; charset=utf-8")
for Number, Line in enumerate(sys.stdin, 1):
    print(f"{Number}: {Line.rstrip()}")
sys.stdout.write(f"{Env.REQUEST_METHOD} {Env.SCRIPT_NAME}{Env.PATH_INFO}\n")
sys.exit(0)
