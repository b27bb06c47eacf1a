# SPDX-License-Identifier: Apache-2.0
"""Modules and names of Python 2, and of Python 3 until lately, with their remedies."""

from __future__ import annotations

_MULTIPART = "for files in forms see examples/upload/multipart.py"

# Modules, as they are imported.
MODULES: dict[str, str] = {
    "BaseHTTPServer": "it is http.server",
    "CGIHTTPServer": "it is http.server",
    "ConfigParser": "it is configparser",
    "Cookie": "it is http.cookies",
    "HTMLParser": "it is html.parser",
    "Queue": "it is queue",
    "SimpleHTTPServer": "it is http.server",
    "SocketServer": "it is socketserver",
    "StringIO": "it is io.StringIO, or io.BytesIO for bytes",
    "Tkinter": "it is tkinter",
    "UserDict": "it is collections.UserDict",
    "UserList": "it is collections.UserList",
    "UserString": "it is collections.UserString",
    "__builtin__": "it is builtins",
    "anydbm": "it is dbm",
    "asynchat": "it is gone since Python 3.12: use asyncio",
    "asyncore": "it is gone since Python 3.12: use asyncio",
    "bsddb": "it is gone: use sqlite3",
    "cPickle": "it is pickle",
    "cStringIO": "it is io.StringIO, or io.BytesIO for bytes",
    "cgi": f"it is gone since Python 3.13: urllib.parse.parse_qs, html.escape; {_MULTIPART}",
    "cgitb": "it is gone since Python 3.13: PyISAPIe logs tracebacks itself",
    "commands": "it is subprocess",
    "compiler": "it is ast",
    "cookielib": "it is http.cookiejar",
    "copy_reg": "it is copyreg",
    "crypt": "it is gone since Python 3.13: use hashlib.scrypt",
    "distutils": "it is gone since Python 3.12: use setuptools",
    "dummy_thread": "it is _thread",
    "exceptions": "its names are built in: remove the import",
    "gdbm": "it is dbm.gnu",
    "htmlentitydefs": "it is html.entities",
    "htmllib": "it is gone: html.parser",
    "httplib": "it is http.client",
    "imp": "it is gone since Python 3.12: use importlib",
    "md5": "it is hashlib.md5",
    "mimetools": "it is email",
    "mimify": "it is email",
    "MimeWriter": "it is email",
    "multifile": "it is email",
    "new": "it is types",
    "pipes": "it is gone since Python 3.13: shlex.quote, subprocess",
    "popen2": "it is subprocess",
    "repr": "it is reprlib",
    "rfc822": "it is email",
    "robotparser": "it is urllib.robotparser",
    "sets": "set is built in: remove the import",
    "sgmllib": "it is gone: html.parser",
    "sha": "it is hashlib.sha1",
    "smtpd": "it is gone since Python 3.12",
    "telnetlib": "it is gone since Python 3.13",
    "thread": "it is _thread; better use threading",
    "urllib2": "it is urllib.request, and urllib.error",
    "urlparse": "it is urllib.parse",
    "uu": "it is gone since Python 3.13: use base64",
    "whichdb": "it is dbm.whichdb",
    "xmlrpclib": "it is xmlrpc.client",
    "xreadlines": "files give their lines themselves",
    "_winreg": "it is winreg",
}

_STRING_FUNCTIONS = (
    "atof", "atoi", "atol", "capitalize", "center", "count", "expandtabs", "find", "index", "join",
    "joinfields", "ljust", "lower", "lstrip", "replace", "rfind", "rindex", "rjust", "rstrip",
    "split", "splitfields", "strip", "swapcase", "translate", "upper", "zfill",
)  # fmt: skip
_NUMBERS = {"atof": "float(text)", "atoi": "int(text)", "atol": "int(text)"}

# Members of modules: of "import os", or as in "from os import getcwdu".
MEMBERS: dict[str, str] = {
    **{f"string.{name}": f"write {_NUMBERS.get(name, f'text.{name}(...)')}"
       for name in _STRING_FUNCTIONS},
    "string.letters": "it is string.ascii_letters",
    "string.lowercase": "it is string.ascii_lowercase",
    "string.uppercase": "it is string.ascii_uppercase",
    "string.maketrans": "it is str.maketrans, or bytes.maketrans",
    "base64.decodestring": "it is base64.decodebytes",
    "base64.encodestring": "it is base64.encodebytes",
    "cgi.escape": "it is html.escape",
    "collections.Callable": "it is collections.abc.Callable",
    "collections.Iterable": "it is collections.abc.Iterable",
    "collections.Mapping": "it is collections.abc.Mapping",
    "collections.MutableMapping": "it is collections.abc.MutableMapping",
    "collections.Sequence": "it is collections.abc.Sequence",
    "inspect.getargspec": "it is inspect.getfullargspec",
    "itertools.ifilter": "it is filter",
    "itertools.ifilterfalse": "it is itertools.filterfalse",
    "itertools.imap": "it is map",
    "itertools.izip": "it is zip",
    "itertools.izip_longest": "it is itertools.zip_longest",
    "os.errno": "import errno",
    "os.getcwdu": "it is os.getcwd",
    "os.popen2": "use subprocess",
    "os.popen3": "use subprocess",
    "os.popen4": "use subprocess",
    "os.tempnam": "use tempfile",
    "os.tmpnam": "use tempfile",
    "sys.exc_clear": "remove it: an except block ends by itself",
    "sys.exc_type": "write sys.exc_info()[0]",
    "sys.exc_value": "write sys.exc_info()[1]",
    "sys.exitfunc": "use atexit",
    "sys.maxint": "it is sys.maxsize",
    "sys.setcheckinterval": "it is sys.setswitchinterval",
    "sys.setdefaultencoding": "remove it: texts are Unicode",
    "time.clock": "it is time.perf_counter",
    "types.ClassType": "it is type",
    "types.DictType": "it is dict",
    "types.FileType": "it is io.IOBase",
    "types.FloatType": "it is float",
    "types.InstanceType": "there is none: every class is new-style",
    "types.IntType": "it is int",
    "types.ListType": "it is list",
    "types.LongType": "it is int",
    "types.StringType": "it is str",
    "types.StringTypes": "it is str",
    "types.TupleType": "it is tuple",
    "types.UnicodeType": "it is str",
    "urllib.pathname2url": "it is urllib.request.pathname2url",
    "urllib.quote": "it is urllib.parse.quote",
    "urllib.quote_plus": "it is urllib.parse.quote_plus",
    "urllib.unquote": "it is urllib.parse.unquote",
    "urllib.unquote_plus": "it is urllib.parse.unquote_plus",
    "urllib.urlencode": "it is urllib.parse.urlencode",
    "urllib.urlopen": "it is urllib.request.urlopen",
    "urllib.urlretrieve": "it is urllib.request.urlretrieve",
}  # fmt: skip

# Built-in names.
NAMES: dict[str, str] = {
    "StandardError": "it is Exception",
    "basestring": "it is str",
    "execfile": "write exec(open(file).read())",
    "long": "it is int",
    "raw_input": "it is input; a page has Read()",
    "unichr": "it is chr",
    "unicode": "it is str",
    "xrange": "it is range",
}

# The same where they are called: the names are good ones for a site's own, too.
CALLS: dict[str, str] = {
    "apply": "write function(*arguments)",
    "buffer": "it is memoryview",
    "cmp": "write (a > b) - (a < b)",
    "coerce": "there is none",
    "file": "it is open",
    "intern": "it is sys.intern",
    "reduce": "it is functools.reduce",
    "reload": "it is importlib.reload; see Http.Watch",
}

# Methods, where they are called.
METHODS: dict[str, str] = {
    "has_key": "write key in mapping",
    "iteritems": "write items()",
    "iterkeys": "write keys()",
    "itervalues": "write values()",
    "next": "write next(iterator)",
    "viewitems": "write items()",
    "viewkeys": "write keys()",
    "viewvalues": "write values()",
    "xreadlines": "a file gives its lines itself",
}
WITHOUT_ARGUMENTS = {"next", "iteritems", "iterkeys", "itervalues", "viewitems", "viewkeys",
                     "viewvalues", "xreadlines"}  # fmt: skip

# Methods of a class, and what stands for them.
SPECIAL: dict[str, str] = {
    "__cmp__": "there is none: write __eq__ and __lt__",
    "__coerce__": "remove it",
    "__delslice__": "it is __delitem__",
    "__div__": "it is __truediv__",
    "__getslice__": "it is __getitem__",
    "__hex__": "it is __index__",
    "__metaclass__": "write class Name(metaclass=...)",
    "__nonzero__": "it is __bool__",
    "__oct__": "it is __index__",
    "__setslice__": "it is __setitem__",
    "__unicode__": "it is __str__",
}

# Encodings of texts that were none.
CODECS: dict[str, str] = {
    "base64": "use the module base64",
    "bz2": "use the module bz2",
    "hex": "write data.hex(), bytes.fromhex(text)",
    "rot13": "write codecs.encode(text, 'rot13')",
    "string-escape": "write repr(text), ast.literal_eval(text)",
    "string_escape": "write repr(text), ast.literal_eval(text)",
    "uu": "use the module base64",
    "zip": "use the module zlib",
    "zlib": "use the module zlib",
}
