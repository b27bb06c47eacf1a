# SPDX-License-Identifier: Apache-2.0
"""An extension by pywin32's ThreadPoolExtension: it pends each request, serves it on a thread of
its own with the user's token, and ends it there. (pywin32's own test extension is of Python 2's
time.)
"""

import hashlib
from typing import Any

import winerror

from isapi import ExtensionError, threaded_extension


class Extension(threaded_extension.ThreadPoolExtension):  # type: ignore[misc]
    "Serves by threads"

    def Dispatch(self, ecb: Any) -> None:
        name = ecb.GetServerVariable("UNICODE_URL").rpartition("/")[2]
        text = getattr(self, f"do_{name}")(ecb)
        ecb.SendResponseHeaders("200 OK", "Content-Type: text/plain\r\n\r\n", False)
        ecb.WriteClient(text.encode())
        ecb.DoneWithSession()

    def do_unknown(self, ecb: Any) -> str:
        try:
            ecb.GetServerVariable("foo bar")
        except ExtensionError as error:
            return str(error.errno == winerror.ERROR_INVALID_INDEX)
        return "no error"

    def do_long(self, ecb: Any) -> str:
        return str(len(ecb.GetServerVariable("QUERY_STRING")))

    def do_unicode(self, ecb: Any) -> str:
        wide, narrow = (ecb.GetServerVariable(f"{p}SERVER_NAME") for p in ("UNICODE_", ""))
        return str(wide == narrow.decode())

    def do_body(self, ecb: Any) -> str:
        body = ecb.AvailableData
        while len(body) < ecb.TotalBytes:
            body += ecb.ReadClient()
        return hashlib.sha256(body).hexdigest()


def __ExtensionFactory__() -> Extension:
    return Extension()
