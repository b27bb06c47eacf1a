# SPDX-License-Identifier: Apache-2.0
from Http import *

class MyEnv(IsapiEnv):
    pass

def Fix(environ):
    environ["wsgi.url_scheme"] = "https"
    if environ.has_key("HTTPS"): pass
