# SPDX-License-Identifier: Apache-2.0
"""Pages: the request and its response, and ways to find the function that answers.

    from Http import Env, Header, Read, Write

    def Request():
        Header("Content-Type: text/plain; charset=utf-8")
        Write(f"hello {Env.REMOTE_ADDR}")

A site may bring modules of its own for this package: in a folder ``Http`` beside its other code, a
``Config.py`` with settings, an ``Isapi.py`` with the ``Request()`` that answers everything.
"""

from PyISAPIe import DisableBuffer as DisableBuffer
from PyISAPIe import Env as Env
from PyISAPIe import Header as Header
from PyISAPIe import Read as Read
from PyISAPIe import Write as Write
