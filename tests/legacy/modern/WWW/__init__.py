# SPDX-License-Identifier: Apache-2.0
from . import Pages
from .Pages import x
import WWW.Pages
names = list({}.keys())
names.sort()
