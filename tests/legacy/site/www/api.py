# SPDX-License-Identifier: Apache-2.0
from Http import Env, Header, Read, Write
import sys

def Request():
    Data = Read()
    Fields = Data.split("&")
    Other = Read(10) + "x"
    Write(5)
    Write([1])
    Write("a", "b")
    Write(len(Data))
    Header("X-One: 1\r\nX-Two: 2")
    Header("X-One: 1\r\n")
    Header(Close=0)
    Env.X = 1
    Env["URL"], Env.get("URL")
    print("hello")
    sys.stdout.write("hello")
    sys.stdout = None
    sys.stdin.read()
    sys.stdout.softspace = 0
    print("to the log", file=sys.stderr)
