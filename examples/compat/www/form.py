# SPDX-License-Identifier: Apache-2.0
# A page with a Request(): imported once, called for each request.
from html import escape
from urllib.parse import parse_qs

from Http import Env, Read, Write
from layout import Bottom, Top


def Request():  # noqa: ANN201
    Top("Form")
    if Env.REQUEST_METHOD == "POST":
        Data = Read(int(Env.CONTENT_LENGTH))
        Form = parse_qs(Data.decode("utf-8", "replace"))
        Write("<p>Hello, <b>%s</b>!" % escape(Form.get("name", ["you"])[0]))  # noqa: UP031
    Write('<form method="post"><input name="name"><input type="submit"></form>')
    Bottom()
