# SPDX-License-Identifier: Apache-2.0
"""Settings of the page. The session lies in a signed cookie, so that no database is measured."""

SECRET_KEY = "of the bench, and not secret at all: the servers must share it"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "page.views"
INSTALLED_APPS = ["django.contrib.sessions", "page"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
USE_TZ = True
