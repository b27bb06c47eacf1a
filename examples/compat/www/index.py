# SPDX-License-Identifier: Apache-2.0
# A script: it runs anew for each request, and what it prints is the response.
import os

from Http import Env, Header

Header("Content-Type: text/html; charset=utf-8")
print("<!doctype html><html lang=en><title>Index</title><h1>An old site</h1>")
print(f"<p>This is {os.path.basename(__target__)}, asked for by {Env.REMOTE_ADDR}.")  # noqa: F821
print("<ul>")
for name in sorted(os.listdir(os.path.dirname(__target__))):  # noqa: F821
    print(f'<li><a href="{name}">{name}</a>')
print("</ul>")
