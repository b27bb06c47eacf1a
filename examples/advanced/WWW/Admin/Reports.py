# SPDX-License-Identifier: Apache-2.0
import csv
import io

from Http import Header, Write

from WWW.Blog import POSTS


def Report(Name: str) -> None:
    if Name != "posts":
        Header("Content-Type: text/plain", Status=404)
        return Write("There is no such report.\n")
    Header(["Content-Type: text/csv; charset=utf-8", "Content-Disposition: attachment"])
    table = io.StringIO()
    csv.writer(table).writerows(POSTS)
    return Write(table.getvalue())
