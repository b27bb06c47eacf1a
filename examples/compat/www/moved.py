# SPDX-License-Identifier: Apache-2.0
from Http import Header


def Request():  # noqa: ANN201
    Header("Location: index.py", 302)
