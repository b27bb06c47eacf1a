# SPDX-License-Identifier: Apache-2.0
import django
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render


class NameForm(forms.Form):
    name = forms.CharField(max_length=40)


def index(request: HttpRequest) -> HttpResponse:
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("hello", name=form.cleaned_data["name"])
    return render(request, "index.html", {"form": form, "version": django.get_version()})


def hello(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "hello.html", {"name": name})
