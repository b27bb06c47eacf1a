# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """What a visitor wrote into the guest book."""

    name = models.CharField(max_length=80)
    text = models.TextField(max_length=2000)
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-written", "-id")
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.name}, {self.written:%Y-%m-%d %H:%M}"
