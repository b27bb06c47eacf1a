# SPDX-License-Identifier: Apache-2.0
"""The WSGI application of the demo site; importing it makes the database ready."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

application = get_wsgi_application()


def _prepare() -> None:
    from django.conf import settings

    from demo import prepare

    prepare.database(settings.DATA_DIR)


_prepare()
