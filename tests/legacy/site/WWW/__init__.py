# SPDX-License-Identifier: Apache-2.0
import Pages, os
from Pages import Index
from WWW import Pages
names = os.environ.keys()
names.sort()
