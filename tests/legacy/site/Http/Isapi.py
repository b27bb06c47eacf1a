# SPDX-License-Identifier: Apache-2.0
# A handler of its time: it loads the page's file itself.
from Http import Env, Header, Write
import Config
import imp, os

def Request():
    if Env.URL.startswith("/media/"):
        return True
    Name = Env.SCRIPT_TRANSLATED
    if not os.path.exists(Name):
        Header(Status = 404, Close = False)
        return
    imp.load_source("page", Name).Request()
