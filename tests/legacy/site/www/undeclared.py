# SPDX-License-Identifier: Apache-2.0

name = "grüße"
print name
