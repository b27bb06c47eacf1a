# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.core.files.uploadedfile import UploadedFile
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse

from pages.forms import EntryForm, UploadForm
from pages.models import Entry

LETTER = Path(__file__).parent / "files" / "letter.txt"
ENTRIES_SHOWN = 50
STREAM_LINES, STREAM_LINES_MAX, STREAM_PAUSE = 10, 10_000, 0.3  # pause in seconds


def index(request: HttpRequest) -> HttpResponse:
    context = {
        "django": django.get_version(),
        "python": platform.python_version(),
        "server": request.META.get("SERVER_SOFTWARE", "an unnamed server"),
        "greeting": reverse("greeting", args=["Jürgen Ω 例"]),
    }
    return render(request, "pages/index.html", context)


def guestbook(request: HttpRequest) -> HttpResponse:
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return HttpResponseRedirect(reverse("guestbook"))
    context = {"form": form, "entries": Entry.objects.all()[:ENTRIES_SHOWN]}
    return render(request, "pages/guestbook.html", context)


def _describe(file: UploadedFile) -> dict[str, Any]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return {"name": file.name, "size": file.size, "sha256": digest.hexdigest()}


def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    done = (
        _describe(request.FILES["file"]) if request.method == "POST" and form.is_valid() else None
    )
    return render(request, "pages/upload.html", {"form": form, "done": done})


def _number(request: HttpRequest, name: str, default: float, most: float) -> float:
    try:
        return min(max(float(request.GET.get(name, default)), 0), most)
    except ValueError:
        return default


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Text that is sent line by line while it is made; ?lines=N&pause=SECONDS."""
    lines = int(_number(request, "lines", STREAM_LINES, STREAM_LINES_MAX))
    pause = _number(request, "pause", STREAM_PAUSE, 10)

    def text() -> Iterator[str]:
        for number in range(1, lines + 1):
            yield f"Line {number} of {lines}\n"
            if number < lines:
                time.sleep(pause)

    return StreamingHttpResponse(text(), content_type="text/plain; charset=utf-8")


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(
        LETTER.open("rb"),
        as_attachment=True,
        filename="Brief an Jürgen.txt",
        content_type="text/plain; charset=utf-8",
    )


def error(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("This page fails on purpose.")


def environ(request: HttpRequest) -> HttpResponse:
    """What the server tells the application."""
    shown = sorted((key, value) for key, value in request.META.items() if isinstance(value, str))
    return render(request, "pages/environ.html", {"environ": shown})


def greeting(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "pages/greeting.html", {"name": name})
