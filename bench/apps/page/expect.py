# SPDX-License-Identifier: Apache-2.0
"""What the page's second visit is asked with and answered: prints a JSON list [cookie, body]."""

import json

from django.test import Client

from page import wsgi  # noqa: F401 (sets Django up)

client = Client()
first = client.get("/")
cookie = first.cookies["sessionid"].value
print(json.dumps([f"sessionid={cookie}", client.get("/").content.decode()]))
