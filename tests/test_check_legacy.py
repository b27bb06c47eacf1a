# SPDX-License-Identifier: Apache-2.0
"""``pyisapie check-legacy``: what it finds in old sites (tests/legacy), what it leaves alone."""

from __future__ import annotations

import codecs
import json
import os
import random
from pathlib import Path

import pytest
from harness.paths import EXAMPLES, TESTS
from harness.serve import run
from pyisapie import legacy
from pyisapie.legacy.words import split

LEGACY = TESTS / "legacy"
OLD_PAGE = (LEGACY / "site" / "www" / "api.py").read_bytes()


def texts(source: str | bytes) -> list[str]:
    """What is found in a source."""
    data = source.encode() if isinstance(source, str) else source
    return [text for _, text, _ in legacy.check_source(data)]


def test_what_an_old_site_has() -> None:
    """All of it is in findings.txt: file:line: what is there."""
    report = legacy.check(LEGACY / "site")
    found = [
        f"{Path(f.file).relative_to(LEGACY / 'site').as_posix()}:{f.line}: {f.text}"
        for f in report.findings
    ]
    assert found == (LEGACY / "findings.txt").read_text("utf-8").splitlines()
    assert report.files == len(list((LEGACY / "site").rglob("*.py")))
    assert all(f.remedy and "\n" not in f.remedy for f in report.findings)


@pytest.mark.parametrize("site", [LEGACY / "modern", EXAMPLES], ids=["modern", "examples"])
def test_what_a_modern_site_has(site: Path) -> None:
    report = legacy.check(site)
    assert report.findings == []
    assert report.files >= 2


@pytest.mark.parametrize(
    "source",
    [
        "print('x')", "x = {'print': 1}", "a.print('x')", "exec('x')", "exec(a, b)",
        "except_ = 1", "raise X(1, 2)", "try:\n  x\nexcept (A, B):\n  pass", "x = '<>'", "x = 0",
        "x = 0.5 + 1e5 + 0x1F + 0b11 + 1_000 + 00 + 1j", "def f(a, b=(1, 2)): pass",
        "f = lambda a, b: (a, b)", "def has_key(a): pass\nx.has_key(1)", "# print x",
        "'''print x\n0777\n'''", "f'{x:{y}} {{print x}}'", "s = 'it\\'s' # print \"x",
        "from reduce import reduce\nreduce(1)", "class A:\n  file = 1\n  x = file(1)",
        "string.join('x')", "import string\nstring.ascii_letters", "print(x, file=f)",
        "x: unicode = 1\ndef unicode(): pass", "for long in x: long", "with a as file: file(1)",
        "print(a) if b else c", "print = 1\nprint(a), b", "async def f():\n  await x",
        "from Http import Write\nWrite('a' 'b')\nWrite((1).to_bytes())",
        "from Http import Read\nd = Read(5)\nd.split(b'&')\nd + b'x'\nlen(d)",
        "from Http import Env\nEnv.URL.get\nx = Env.URL == 'a'",
        "def Request(): print('no page of ours')", "b'a'.decode(); 'a'.encode('utf-8')",
        "file: int = 1\nfile(1)", "f = lambda file: file(1)", "[long for long in x]",
        "def f(*, cmp=1): return cmp(1)", "x = d.items()\nself.x.append(1)",
        "x = d.keys()\nx = []\nx.sort()",
    ],
)  # fmt: skip
def test_what_is_as_it_should_be(source: str) -> None:
    assert texts(source) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("print x if y else z", ["print statement"]),
        ("if x: print\nelse: print 'x'", ["print statement"] * 2),
        ("x = 1; print x; y = 2", ["print statement"]),
        ("print \\\n  x", ["print statement"]),
        ("print(\n 'x'\n) % 1", ["print (...) % ..."]),
        ("try: x\nexcept (A, B), e: print e", ["except X, e", "print statement"]),
        ("if lambda: x: print y", ["print statement"]),
        ("x = 010; y = 08", ["the number 010", "the number 08"]),
        ("print [1]", ["print statement"]),
        ("'a'.encode('hex') + b'a'.decode('base64')", [".decode('base64')", ".encode('hex')"]),
        ("'a'.decode('utf-8')", ["a text that is decoded"]),
        ("sorted(x, cmp=lambda a, b: cmp(a, b))", ["cmp", "sorting by cmp"]),
        ("x = d.keys()\nx.sort()", ["x.sort()"]),
        ("map(None, x)", ["map(None, ...)"]),
        ("import a, urllib2 as b, c", ["import of urllib2"]),
        ("from urllib import (quote,\n urlencode as e)",
         ["import of urllib.quote", "import of urllib.urlencode"]),
        ("def f(\n  a,\n  (b, c)\n): pass", ["a tuple among parameters"]),
        ("from Http import Read\nx = parse_qs(Read())", ["Read()"]),
        ("from Http import Read\nif 'a' in Read(): pass", ["Read()"]),
        ("import Http\nx = Http.Read() + 'a'", ["Read()"]),
        ("from Http import Read\nd = Read()\nx = '%s' % d", ["d, from Read(), as a text"]),
        ("if x:\n\ty\n        z", ["this is no Python 3"]),
        ("def f(:", ["this is no Python 3"]),
    ],
)  # fmt: skip
def test_what_is_not(source: str, expected: list[str]) -> None:
    found = texts(source)
    assert [text[: len(want)] for text, want in zip(found, expected, strict=True)] == expected


def test_a_lines_number_counts_all_kinds_of_ends() -> None:
    source = b"a = '''x\ny'''\r\nb = 1 \\\r\n + 2\rprint c\r\n"
    assert [line for line, _, _ in legacy.check_source(source)] == [5]


# ---- odd files


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("ü = 'print x'".encode("utf-16"), "bytes that are no text"),
        (b"x = 1\0", "bytes that are no text"),
        (b"# coding: rot13\nx = 1", "the unknown encoding rot13"),
        (b"# coding: cp1252\nx = '\x81'", "a byte that is no cp1252"),
        (codecs.BOM_UTF8 + b"x = '\xff'", "a byte that is no utf-8-sig"),
    ],
)
def test_what_cannot_be_decoded(data: bytes, expected: str) -> None:
    assert texts(data)[0] == expected


def test_no_bytes_make_it_fail() -> None:
    numbers = random.Random(2005)
    for _ in range(300):
        data = bytearray(OLD_PAGE[: numbers.randrange(len(OLD_PAGE))])
        for _ in range(numbers.randrange(1, 30)):
            char = numbers.choice(b"\0\"'\\\n()[]{}`:;#f\xff")
            data.insert(numbers.randrange(len(data) + 1), char)
        legacy.check_source(bytes(data))
        legacy.check_source(numbers.randbytes(300))


API = b"from Http import *\n"


@pytest.mark.parametrize(
    "data",
    [b"(" * 50000, b"f'{" * 20000, b"a.b(" * 20000, b"if x:" * 20000, b"lambda:" * 20000,
     b"lambda " * 20000 + b"0777", API + b"Read(" * 20000, API + b"Write(" * 20000 + b")" * 20000,
     b"try:\n" * 3000, b"print (" * 20000, b"def f(" * 20000, b"raise (" * 20000],
)  # fmt: skip
def test_nothing_is_too_deep(data: bytes) -> None:
    assert texts(data)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "broken.py").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.py")
    with (tmp_path / "large.py").open("wb") as file:
        file.truncate(legacy.SOURCE_MAX + 1)
    (tmp_path / "PyISAPIe.dll").write_bytes(b"MZ")
    (tmp_path / "python25.dll").write_bytes(b"MZ")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py"))).write_text("print x\n")
    found = {Path(f.file).name: f.text for f in legacy.check(tmp_path).findings}
    assert found == {
        "broken.py": "this cannot be read (No such file or directory)",
        "pipe.py": "no file",
        "large.py": "this is too large for a page",
        "PyISAPIe.dll": "a binary of PyISAPIe 1 or Python 2",
        "python25.dll": "a binary of PyISAPIe 1 or Python 2",
        "\\xff.py": "print statement",
    }


def test_other_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("__pycache__", ".git", "site-packages", "venv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.py").write_text("print x\n")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    assert legacy.check(tmp_path).files == 0


# ---- the command


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("open('ran', 'w')\nprint 'x'\n")
    code, text = run("check-legacy", str(tmp_path), cwd=tmp_path)
    assert code == 1
    assert text.splitlines() == [
        f"{tmp_path / 'page.py'}:2: print statement: print is a function: write print(...)",
        "1 finding in 1 of 1 file",
    ]
    code, text = run("check-legacy", str(tmp_path), "--format", "json", cwd=tmp_path)
    assert code == 1
    assert json.loads(text) == {
        "files": 1,
        "findings": [{
            "file": str(tmp_path / "page.py"),
            "line": 2,
            "text": "print statement",
            "remedy": "print is a function: write print(...)",
        }],
    }  # fmt: skip
    assert not (tmp_path / "ran").exists()


def test_the_exit_status() -> None:
    assert run("check-legacy", str(LEGACY / "modern")) == (0, "0 findings in 0 of 5 files\n")
    assert run("check-legacy", str(LEGACY / "no-such"))[0] == 2
    assert run("check-legacy")[0] == 2
    assert run("check-legacy", str(LEGACY), "--format", "xml")[0] == 2


def test_words_are_those_of_python() -> None:
    """Of our own sources, as the standard library splits them."""
    import io
    import tokenize

    kinds = (tokenize.NAME, tokenize.STRING)
    for path in (TESTS.parent / "python").rglob("*.py"):
        source = path.read_text("utf-8")
        if "f'" in source or 'f"' in source:
            continue  # their parts are words of their own from Python 3.12 on
        words = tokenize.generate_tokens(io.StringIO(source).readline)
        expected = [word.string for word in words if word.type in kinds]
        assert [w.text for w in split(source) if w.kind in ("name", "string")] == expected, path
