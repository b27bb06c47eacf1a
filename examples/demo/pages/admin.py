# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from django.contrib import admin

from pages.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    list_display = ("name", "written", "text")
    search_fields = ("name", "text")
