# SPDX-License-Identifier: Apache-2.0
"""The page: a table of twenty rows, and how often the session has seen it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

ROWS = [{"name": f"item {n} & more", "price": n * 1.5, "tags": ["a", "b", "c"]} for n in range(20)]


def page(request: HttpRequest) -> HttpResponse:
    visits = request.session.get("visits", 0) + 1
    request.session["visits"] = visits
    return render(request, "page/page.html", {"rows": ROWS, "visits": visits})


urlpatterns = [path("", page)]
