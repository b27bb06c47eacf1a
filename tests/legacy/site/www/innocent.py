# -*- coding: utf-8 -*-
# SPDX-License-Identifier: Apache-2.0
# print "a comment"; except X, e: <> `x` 0777 urllib2
"""print "a text"; raise X, "s"; import urllib2; 0777L; <> `x`"""
try:
    import urllib2
except ImportError:
    import urllib.request as urllib2
try:
    unicode
except NameError:
    unicode = str
text = 'has_key("a")' r"except X, e: print 'x'" + f"{'print x'!r} <> `{text}` {f'{text}'}"
file = open("x")
file(1)
def reduce(a): return unicode(a)
reduce(0) ; 0o777 ; 00 ; 1_000
