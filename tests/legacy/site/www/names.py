# SPDX-License-Identifier: Apache-2.0
import urllib2, ConfigParser as configparser
import string, sys, os, urllib
from itertools import izip
from cgi import escape, FieldStorage
if d.has_key("a"): pass
for k, v in d.iteritems(): pass
first = d.keys()[0]
text = unicode("x") + unichr(3)
for i in xrange(sys.maxint): pass
isinstance(text, basestring)
string.join([], "") + string.letters
execfile("x.py"); name = raw_input()
urllib.urlencode({})
os.getcwdu()
cmp(1, 2)
reduce(f, file("x"))
class A:
    __metaclass__ = M
    def __iter__(self): return self
    def next(self): return 1
    def __nonzero__(self): return True
    def __unicode__(self): return u"x"
