# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from django import forms

from pages.models import Entry


class EntryForm(forms.ModelForm):
    class Meta:
        model = Entry
        fields = ("name", "text")


class UploadForm(forms.Form):
    file = forms.FileField(allow_empty_file=True)
