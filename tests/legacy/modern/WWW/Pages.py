# SPDX-License-Identifier: Apache-2.0
import string
x = range(3)
x = list(x)
x.append(4)
