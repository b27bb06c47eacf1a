# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import path
from django.views.generic import RedirectView
from pages import views

urlpatterns = [
    path("", views.index, name="index"),
    path("guestbook/", views.guestbook, name="guestbook"),
    path("upload/", views.upload, name="upload"),
    path("stream/", views.stream, name="stream"),
    path("download/", views.download, name="download"),
    path("error/", views.error, name="error"),
    path("grüße/<str:name>/", views.greeting, name="greeting"),
    path("environ/", views.environ, name="environ"),
    path("favicon.ico", RedirectView.as_view(url="/static/pages/icon.svg")),
    path("admin/", admin.site.urls),
    # A real site lets the web server, or a package such as whitenoise, do this.
    path("static/<path:path>", serve, {"insecure": True}),
]
