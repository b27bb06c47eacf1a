# SPDX-License-Identifier: Apache-2.0
print "a", "b"
print >>log, "a"
print "no new line",
print ("%s" % 1), 2
if x: print x
try: pass
except ValueError, e: raise KeyError, "k"
raise "text"
raise KeyError, "k", tb
exec code in names
exec "x = 1"
if a <> b: c = `a` + `b`
mode = 0755; big = 10L; hexa = 0xFFL
s = ur"x" + UR'y'
def f(a, (b, c), *d): pass
g = lambda (a, b): a
