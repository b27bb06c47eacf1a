# SPDX-License-Identifier: Apache-2.0
"""Read a site of PyISAPIe 1 and tell what must change: ``pyisapie check-legacy``.

Nothing of the site is run or imported: its sources are read word by word.
"""

from __future__ import annotations

import ast
import codecs
import os
import re
import stat
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pyisapie import _words, legacy_names
from pyisapie._words import END, NAME, NUMBER, STRING, Word

LOOK_MAX = 200  # words of a call that are looked at
SOURCE_MAX = 16 * 1024 * 1024  # bytes of a file
ENDINGS = (".py", ".pyw")
SKIPPED = {"__pycache__", "site-packages", "node_modules"}
COMPOUND = {"if", "elif", "else", "while", "for", "try", "except", "finally", "with", "def",
            "class", "async"}  # fmt: skip
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
GUARDS = {"ImportError", "ModuleNotFoundError", "NameError", "AttributeError", "Exception"}
OWN_MODULES = {"WSGI.py", "URL.py", "Watch.py", "Version.py"}
BINARIES = re.compile(r"(pyisapie.*\.(dll|pyd)|python[12]\d\.dll)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Finding:
    """What must change: where, what is there, and the remedy."""

    file: str
    line: int
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}: {self.remedy}"


@dataclass(frozen=True)
class Report:
    """All findings, and how many files were read."""

    files: int
    findings: list[Finding]

    def as_dict(self) -> dict[str, object]:
        return {"files": self.files, "findings": [asdict(found) for found in self.findings]}


Found = tuple[int, str, str]  # line, text, remedy


# ---- statements ----


class Statement:
    """A simple statement, or the head of a compound one."""

    def __init__(self, words: list[Word], column: int) -> None:
        self.words = words
        self.column = column  # where its line begins
        self.line = words[0].line

    def __getitem__(self, index: int) -> Word:
        """A word; the end's is one that is nothing."""
        return self.words[index] if -1 <= index < len(self.words) else _NOTHING

    @property
    def begins(self) -> str:
        return self.words[0].text if self.words[0].kind == NAME else ""

    def close(self, index: int) -> int:
        """The index of what closes the bracket at this index; the end when nothing does."""
        return self._pairs.get(index, len(self.words))

    @cached_property
    def _pairs(self) -> dict[int, int]:
        """Where brackets close that open at these indices."""
        pairs: dict[int, int] = {}
        opened: list[int] = []
        for at, word in enumerate(self.words):
            if word.is_op(*OPENING):
                opened.append(at)
            elif word.is_op(*CLOSING) and opened:
                pairs[opened.pop()] = at
        return pairs

    def at_top(self, start: int = 0) -> Iterator[tuple[int, Word]]:
        """The words outside brackets, from an index on."""
        depth = 0
        for at in range(start, len(self.words)):
            word = self.words[at]
            depth -= word.is_op(*CLOSING)
            if depth <= 0:
                yield at, word
            depth += word.is_op(*OPENING)


_NOTHING = Word(END, "", 0, 0)


def _statements(words: Iterator[Word]) -> Iterator[Statement]:
    line: list[Word] = []
    for word in words:
        if word.kind != END:
            line.append(word)
        elif line:
            yield from _simple(line)
            line = []


def _simple(line: list[Word]) -> Iterator[Statement]:
    """One logical line: it may have several statements."""
    column, start, depth, lambdas = line[0].column, 0, 0, 0
    for at, word in enumerate(line):
        depth += word.is_op(*OPENING)
        depth -= word.is_op(*CLOSING)
        if depth > 0:
            continue
        lambdas += word.is_name("lambda")
        ends = word.is_op(";")
        if word.is_op(":") and line[start].text in COMPOUND:
            ends = lambdas == 0
            lambdas = max(0, lambdas - 1)
        if ends:
            if at > start:
                yield Statement(line[start : at + word.is_op(":")], column)
            start, lambdas = at + 1, 0
    if start < len(line):
        yield Statement(line[start:], column)


# ---- one source ----


class Source:
    """A file's statements, and the names that it gives meanings to."""

    def __init__(self, text: str) -> None:
        self.statements = list(_statements(_words.split(text)))
        self.bound: set[str] = set()  # names that are the site's own
        self.modules: set[str] = set()  # what is imported, as a whole
        self.api: set[str] = set()  # names of the page API
        self.defines_request = False
        for statement in self.statements:
            self._read_names(statement)
        self.uses_api = bool(self.api)
        self.is_page = self.uses_api and self.defines_request
        self.guarded = _guarded_lines(self.statements)

    def _read_names(self, statement: Statement) -> None:
        words = statement.words
        if statement.begins in ("import", "from"):
            self._read_import(statement)
        if len(words) > 1 and words[1].is_op(":") and words[0].kind == NAME:
            self.bound.add(words[0].text)  # name: type = value
        self.bound |= _targets(statement)
        depth = 0
        for at, word in enumerate(words):
            depth += word.is_op(*OPENING) - word.is_op(*CLOSING)
            following, before = statement[at + 1], words[at - 1] if at else _NOTHING
            if word.is_name("for", "lambda"):
                self.bound |= _names_until(words, at + 1, "in", ":")
            if word.kind != NAME or before.is_op("."):
                continue
            is_set = following.is_op(":=") or (following.is_op("=") and depth == 0)
            if is_set or before.is_name("def", "class", "as", "global"):
                self.bound.add(word.text)
        if statement.begins in ("def", "async"):
            self.bound |= _parameters(statement)
            if statement.column == 0 and any(w.is_name("Request") for w in words[:3]):
                self.defines_request = True

    def _read_import(self, statement: Statement) -> None:
        words = [w.text for w in statement.words]
        if words[0] == "from":
            module = "".join(words[1 : words.index("import")]) if "import" in words else ""
            names = set(words[words.index("import") + 1 :]) if "import" in words else set()
            if module.split(".")[0] in ("Http", "PyISAPIe"):
                self.api |= names - {"(", ")", ","} | {"Http"}
                if "*" in names:
                    self.api |= {"Header", "Read", "Write", "Env"}
            elif not legacy_names.MODULES.get(module):
                self.bound |= names - {"*", "(", ")", ","}
        else:
            for module in "".join(w if w != "as" else " as " for w in words[1:]).split(","):
                self.modules.add(module.split(" as ")[0])
                if module.split(".")[0] in ("Http", "PyISAPIe"):
                    self.api.add("Http")


def _names_until(words: list[Word], start: int, *ends: str) -> set[str]:
    found = set()
    for word in words[start : start + LOOK_MAX]:
        if word.text in ends:
            break
        if word.kind == NAME:
            found.add(word.text)
    return found


def _targets(statement: Statement) -> set[str]:
    """Names that a tuple is assigned to: a, (b, c) = ..."""
    end = next((at for at, word in statement.at_top() if word.is_op("=")), 0)
    words = statement.words[:end]
    if any(word.kind != NAME and not word.is_op(",", "(", ")", "[", "]", "*") for word in words):
        return set()
    return {word.text for word in words if word.kind == NAME}


def _parameters(statement: Statement) -> set[str]:
    """Names in a def's head that come after a bracket or a comma."""
    words = statement.words
    return {
        word.text
        for at, word in enumerate(words)
        if word.kind == NAME and words[at - 1].is_op("(", ",", "*", "**")
    }


def _guarded_lines(statements: list[Statement]) -> set[int]:
    """Lines between a try and the end of its except that expects old or new names to be missing."""
    guarded: set[int] = set()
    for at, statement in enumerate(statements):
        if statement.begins != "try":
            continue
        lines, is_guard, is_handler = [statement.line], False, False
        for later in statements[at + 1 :]:
            if later.column <= statement.column:
                if later.column < statement.column or later.begins not in ("except", "else"):
                    break
                is_handler = True
                is_guard |= any(w.text in GUARDS for w in later.words[1:]) or later[1].is_op(":")
            lines.append(later.line)
        if is_handler and is_guard:
            guarded.update(lines)
    return guarded


# ---- syntax ----

PRINT_REMEDY = "write Write(...): print() goes to the log in a page with a Request()"


def _check_print(statement: Statement) -> Iterator[Found]:
    line, after = statement.line, statement[1]
    if after.is_op("=", ".", ",", ":", ")"):
        return
    if after.is_op(">>"):
        yield line, "print >>file", "write print(..., file=file)"
    elif not after.is_op("("):
        ends = " (a comma at its end: end=' ')" if statement[-1].is_op(",") else ""
        yield line, "print statement", f"print is a function: write print(...){ends}"
    else:
        rest = statement[statement.close(1) + 1]
        if rest.is_op("%", ","):
            text = f"print (...) {rest.text} ..."
            yield line, text, "print is a function: put all of it into the brackets"


def _check_exec(statement: Statement) -> Iterator[Found]:
    after = statement[1]
    is_statement = after.kind in (NAME, STRING) and not after.is_name("in", "is", "if", "and", "or")
    rest = statement[statement.close(1) + 1] if after.is_op("(") else _NOTHING
    if is_statement or rest.is_name("in"):
        yield statement.line, "exec statement", "exec is a function: write exec(code, names)"


def _check_raise(statement: Statement) -> Iterator[Found]:
    if statement[1].kind == STRING:
        yield statement.line, "a text is raised", "raise an exception: raise Exception(text)"
        return
    commas = sum(word.is_op(",") for _, word in statement.at_top(1))
    if commas == 1:
        yield statement.line, "raise X, text", "write raise X(text)"
    elif commas:
        yield statement.line, "raise X, text, traceback", "write raise X(text).with_traceback(tb)"


def _check_except(statement: Statement) -> Iterator[Found]:
    if any(word.is_op(",") for _, word in statement.at_top(1)):
        remedy = "write except X as e (several kinds: except (X, Y) as e)"
        yield statement.line, "except X, e", remedy


def _check_def(statement: Statement) -> Iterator[Found]:
    start = next((i for i, word in enumerate(statement.words) if word.is_op("(")), None)
    if start is None:
        return
    depth = 0
    for at in range(start, statement.close(start)):
        word = statement[at]
        if depth == 1 and word.is_op("(") and statement[at - 1].is_op("(", ","):
            yield word.line, "a tuple among parameters", "take one name and unpack it inside"
        depth += word.is_op(*OPENING)
        depth -= word.is_op(*CLOSING)


STATEMENTS = {"print": _check_print, "exec": _check_exec, "raise": _check_raise,
              "except": _check_except, "def": _check_def}  # fmt: skip


def _check_words(statement: Statement) -> Iterator[Found]:
    ticks = 0
    for at, word in enumerate(statement.words):
        if word.is_op("<>"):
            yield word.line, "<>", "write !="
        elif word.is_op("`"):
            ticks += 1
            if ticks % 2:
                yield word.line, "backticks", "write repr(...)"
        elif word.kind == NUMBER and re.fullmatch(r"0\d*[1-9]\d*[lL]?", word.text):
            digits = word.text.rstrip("lL").lstrip("0")
            is_octal = set(digits) <= set("01234567")
            yield word.line, f"the number {word.text}", f"write {'0o' * is_octal}{digits}"
        elif word.kind == NUMBER and re.fullmatch(r"(0[xXoObB])?\w*\d\w*[lL]", word.text):
            yield word.line, f"the long number {word.text}", f"write {word.text[:-1]}"
        elif word.kind == STRING and word.prefix == "ur":
            yield word.line, 'ur"..."', 'write r"...": texts are Unicode'
        elif word.is_name("lambda") and statement[at + 1].is_op("("):
            yield word.line, "a tuple among parameters", "take one name and unpack it inside"


def _syntax(source: Source) -> Iterator[Found]:
    for statement in source.statements:
        yield from _check_words(statement)
        check = STATEMENTS.get(statement.begins)
        if not check or (statement.begins == "print" and "print" in source.bound):
            continue
        for line, text, remedy in check(statement):
            to_client = text.startswith("print") and ">>" not in text and source.is_page
            yield line, text, PRINT_REMEDY if to_client else remedy


# ---- modules and names ----


def _imported(statement: Statement) -> Iterator[str]:
    """The modules of an import, and what is taken from them: "os", "string.join"."""
    words = [w.text for w in statement.words if w.text not in "()"]
    if words[0] == "from" and "import" in words:
        cut = words.index("import")
        module = "".join(words[1:cut])
        yield module
        names = " ".join(words[cut + 1 :]).split(" , ")
        yield from (f"{module}.{name.split(' as ')[0].strip()}" for name in names)
    elif words[0] == "import":
        for name in " ".join(words[1:]).split(" , "):
            yield name.split(" as ")[0].replace(" ", "")


def _check_import(statement: Statement) -> Iterator[Found]:
    for name in _imported(statement):
        remedy = legacy_names.MODULES.get(name) or legacy_names.MEMBERS.get(name)
        if remedy:
            yield statement.line, f"import of {name}", remedy


def _check_name(source: Source, statement: Statement, at: int) -> Iterator[Found]:
    word, before, after = statement[at], statement[at - 1] if at else _NOTHING, statement[at + 1]
    if before.is_op("."):
        remedy = legacy_names.METHODS.get(word.text)
        if remedy and after.is_op("(") and word.text not in source.bound:
            no_arguments = statement[at + 2].is_op(")")
            if no_arguments or word.text not in legacy_names.WITHOUT_ARGUMENTS:
                yield word.line, f".{word.text}()", remedy
        elif word.text in ("encode", "decode") and after.is_op("("):
            yield from _check_codec(statement, at)
        elif word.text == "softspace":
            yield word.line, ".softspace", "there is none: print() has sep and end"
        elif word.text == "keys" and after.is_op("(") and statement[at + 3].is_op("["):
            yield word.line, ".keys()[...]", "it is no list: write list(...)[...]"
        return
    if word.text in source.bound or before.is_name("def", "class", "import", "from"):
        return
    if after.is_op("."):
        dotted = f"{word.text}.{statement[at + 2].text}"
        remedy = legacy_names.MEMBERS.get(dotted)
        if remedy and word.text in source.modules:
            yield word.line, dotted, remedy
        return
    if word.text == "map" and after.is_op("(") and statement[at + 2].is_name("None"):
        yield word.line, "map(None, ...)", "write list(...), or zip(...)"
    if word.text == "cmp" and after.is_op("="):
        yield word.line, "sorting by cmp", "write key=functools.cmp_to_key(...)"
    remedy = legacy_names.NAMES.get(word.text)
    if not remedy and after.is_op("("):
        remedy = legacy_names.CALLS.get(word.text)
    if remedy and statement.begins not in ("import", "from"):
        yield word.line, word.text, remedy


def _check_codec(statement: Statement, at: int) -> Iterator[Found]:
    word, owner, codec = statement[at], statement[at - 2] if at > 1 else _NOTHING, statement[at + 2]
    name = codec.text.strip("\"'").lower() if codec.kind == STRING else ""
    if name in legacy_names.CODECS:
        yield word.line, f".{word.text}({name!r})", legacy_names.CODECS[name]
    elif word.text == "decode" and owner.kind == STRING and "b" not in owner.prefix:
        yield word.line, "a text that is decoded", "it is decoded already: leave .decode() out"


def _check_defined(source: Source, statement: Statement) -> Iterator[Found]:
    if statement.begins != "def" and statement.begins != "__metaclass__":
        return
    name = statement[1].text if statement.begins == "def" else statement.begins
    if name == "next" and "__iter__" in source.bound and "__next__" not in source.bound:
        yield statement.line, "def next", "call it __next__"
    remedy = legacy_names.SPECIAL.get(name)
    new = remedy.rpartition(" ")[2] if remedy else ""
    if remedy and new not in source.bound:
        yield statement.line, name, remedy


def _names(source: Source) -> Iterator[Found]:
    for statement in source.statements:
        if statement.line in source.guarded:
            continue
        if statement.begins in ("import", "from"):
            yield from _check_import(statement)
        yield from _check_defined(source, statement)
        for at, word in enumerate(statement.words):
            if word.kind == NAME:
                yield from _check_name(source, statement, at)


LISTS = ("keys", "values", "items", "map", "filter", "zip", "range")
OF_LISTS = ("sort", "reverse", "append", "remove", "insert")


def _lists(source: Source) -> Iterator[Found]:
    """Names for what was a list once, and is used as one: keys = d.keys(); keys.sort()."""
    names: dict[str, str] = {}
    for statement in source.statements:
        words = statement.words
        if words[0].kind == NAME and statement[1].is_op("="):
            opening = next((at for at, word in enumerate(words) if word.is_op("(")), 0)
            maker = words[opening - 1].text if opening > 2 else ""
            ends = statement.close(opening) == len(words) - 1
            if ends and maker in LISTS and maker not in source.bound:
                names[words[0].text] = maker
            else:
                names.pop(words[0].text, None)
        for at, word in enumerate(words):
            is_member = at > 0 and words[at - 1].is_op(".")
            maker = "" if is_member or word.kind != NAME else names.get(word.text, "")
            if maker and statement[at + 1].is_op(".") and statement[at + 2].text in OF_LISTS:
                remedy = f"{maker}() gives no list: write list(...), or sorted(...)"
                yield word.line, f"{word.text}.{statement[at + 2].text}()", remedy


# ---- the page API ----


def _arguments(statement: Statement, opening: int) -> list[list[Word]]:
    """What stands between the commas of a call."""
    found: list[list[Word]] = [[]]
    depth = 0
    for at in range(opening + 1, min(statement.close(opening), opening + LOOK_MAX)):
        word = statement[at]
        depth += word.is_op(*OPENING) - word.is_op(*CLOSING)
        if depth == 0 and word.is_op(","):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def _check_write(statement: Statement, at: int) -> Iterator[Found]:
    arguments = _arguments(statement, at + 1)
    if len(arguments) > 1:
        yield statement.line, "Write() with several arguments", "it takes one: join them"
    first = arguments[0] if arguments else []
    alone = len(first) == 1 and (first[0].kind == NUMBER or first[0].text in ("None", "True"))
    called = len(first) > 2 and first[0].text in ("len", "int") and first[1].is_op("(")
    whole = called and first[-1].is_op(")")
    if alone or whole or (first and first[0].is_op("[", "{")):
        yield first[0].line, "Write() of what is no text", "write Write(str(...))"


def _check_header(statement: Statement, at: int) -> Iterator[Found]:
    for words in _arguments(statement, at + 1):
        texts = [word.text for word in words]
        if texts[:2] == ["Close", "="] and texts[2:] != ["True"]:
            yield words[0].line, "Close that is not True", "leave it out"
        for word in words:
            inner = word.text.strip("\"'") if word.kind == STRING else ""
            if re.search(r"\\n(?!$)", inner):
                yield word.line, "several headers in one text", "give Header() a list of them"


TEXT_METHODS = {"split", "replace", "find", "startswith", "endswith", "strip", "index", "count"}


def _is_text(word: Word) -> bool:
    return word.kind == STRING and "b" not in word.prefix


def _check_bytes(statement: Statement, start: int, end: int) -> bool:
    """Whether what stands there, bytes from Read(), is used as a text."""
    before, after = statement[start - 1] if start else _NOTHING, statement[end + 1]
    if after.is_op("."):
        method, first = statement[end + 2], statement[end + 4]
        return method.text in TEXT_METHODS and _is_text(first)
    if before.is_op("(") and statement[start - 2].text in ("parse_qs", "parse_qsl", "unquote_plus"):
        return True
    if before.is_name("in") and _is_text(statement[start - 2]):
        return True
    operators = ("+", "==", "!=", "%")
    return (after.is_op(*operators) and _is_text(statement[end + 2])) or (
        before.is_op(*operators) and _is_text(statement[start - 2])
    )


READ_REMEDY = "it gives bytes: write Read(...).decode()"


def _check_reads(source: Source, is_old: bool) -> Iterator[Found]:
    names: set[str] = set()
    for statement in source.statements:
        for at, word in enumerate(statement.words):
            before, after = statement[at - 1] if at else _NOTHING, statement[at + 1]
            if before.is_op(".") and not statement[at - 2].is_name("Http", "PyISAPIe"):
                continue
            if word.is_name("Read") and after.is_op("("):
                end = statement.close(at + 1)
                is_text = _check_bytes(statement, at, end)
                is_decoded = statement[end + 1].is_op(".") and statement[end + 2].text == "decode"
                is_count = statement[at + 2].is_op("-")
                if is_text or (is_old and not is_decoded and not is_count):
                    yield word.line, "Read()", READ_REMEDY
                elif statement[1].is_op("=") and at == 2 and end == len(statement.words) - 1:
                    names.add(statement[0].text)
            elif word.kind == NAME and word.text in names and _check_bytes(statement, at, at):
                yield word.line, f"{word.text}, from Read(), as a text", READ_REMEDY


def _check_env(statement: Statement, at: int) -> Iterator[Found]:
    line, after, name = statement[at].line, statement[at + 1], statement[at + 2].text
    if after.is_op("["):
        yield line, "Env[...]", "variables are attributes: write getattr(Env, name)"
    elif (
        after.is_op(".")
        and name in ("get", "has_key", "keys", "items")
        and statement[at + 3].is_op("(")
    ):
        yield line, f"Env.{name}()", 'Env is no dict: Env.NAME is "" for what there is not'
    elif after.is_op(".") and name == "SCRIPT_TRANSLATED":
        remedy = (
            "it is a file of the folder of pages now, also where there is none; a page knows its "
            "own as __file__, and a handler need not load pages itself"
        )
        yield line, "Env.SCRIPT_TRANSLATED", remedy
    elif after.is_op(".") and statement[at + 3].is_op("="):
        yield line, f"Env.{name} is set", "Env cannot be changed: keep the value elsewhere"


STREAM_REMEDY = "in a page with a Request() it goes to the log: use Write()"


def _check_streams(source: Source, statement: Statement) -> Iterator[Found]:
    words = statement.words
    texts = [word.text for word in words[:4]]
    is_stream = texts[:2] == ["sys", "."] and texts[2:3] in (["stdout"], ["stderr"], ["stdin"])
    if is_stream and texts[3:4] == ["="]:
        remedy = "it is the process's, of all requests and threads: leave it, and use Write()"
        yield statement.line, f"{''.join(texts[:3])} is replaced", remedy
    if not source.is_page or "print" in source.bound:
        return
    if statement.begins == "print" and statement[1].is_op("(") and not [*_check_print(statement)]:
        starts = [[word.text for word in words[:2]] for words in _arguments(statement, 1)]
        if ["file", "="] not in starts:
            yield statement.line, "print", PRINT_REMEDY
    for at, word in enumerate(words):
        if word.is_name("sys") and statement[at + 1].is_op(".") and statement[at + 3].is_op("."):
            if statement[at + 2].text == "stdout" and statement[at + 4].text == "write":
                yield word.line, "sys.stdout.write", STREAM_REMEDY
            elif statement[at + 2].text == "stdin":
                yield word.line, "sys.stdin", "only scripts have it: use Read(), which gives bytes"


def _check_uses(statement: Statement) -> Iterator[Found]:
    if statement.begins == "class" and any(w.is_name("IsapiEnv") for w in statement.words[2:]):
        remedy = "it is a function that gives a plain dict: change the dict"
        yield statement.line, "a class made of IsapiEnv", remedy
    texts = [word.text.strip("\"'") for word in statement.words[1:5]]
    if texts == ["[", "wsgi.url_scheme", "]", "="]:
        yield statement.line, "wsgi.url_scheme is set", "it is right by itself: remove this"


CALLS = {"Write": _check_write, "Header": _check_header}


def _api(source: Source, is_old: bool) -> Iterator[Found]:
    if not source.uses_api:
        return
    if "Read" in source.api or "Http" in source.modules or "PyISAPIe" in source.modules:
        yield from _check_reads(source, is_old)
    for statement in source.statements:
        yield from _check_streams(source, statement)
        yield from _check_uses(statement)
        for at, word in enumerate(statement.words):
            if word.is_name("Env") and statement.begins not in ("import", "from"):
                yield from _check_env(statement, at)
            check = CALLS.get(word.text) if word.kind == NAME else None
            if check and statement[at + 1].is_op("(") and statement.begins != "def":
                yield from check(statement, at)


# ---- files ----


def _decode(data: bytes) -> tuple[str, list[Found]]:
    """The text of a file, and what is wrong with its encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        text = data.decode("utf-16" if data[:1] in b"\xff\xfe" else "latin-1", "replace")
        return text.replace("\0", " "), [(1, "bytes that are no text", "save it as UTF-8")]
    declared = None
    for head in data.split(b"\n", 2)[:2]:
        found = re.match(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", head)
        declared = declared or (found[1].decode("ascii", "replace") if found else None)
    wanted = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else declared or "utf-8"
    try:
        return data.decode(wanted), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "save it as UTF-8, or say what it is in line 1: # -*- coding: cp1252 -*-"
        return data.decode("latin-1"), [(line, f"a byte that is no {wanted}", remedy)]
    except (LookupError, ValueError):
        found_text = f"the unknown encoding {wanted}"
        return data.decode("latin-1"), [(1, found_text, "save it as UTF-8, without that line")]


def _check_parse(text: str) -> Iterator[Found]:
    """What only Python itself sees; it parses, and runs nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        remedy = "mend the syntax" if not isinstance(error, TabError) else "indent by spaces alone"
        yield error.lineno or 1, f"this is no Python 3 ({error.msg})", remedy
    except (ValueError, RecursionError, MemoryError) as error:
        yield 1, f"Python cannot parse this ({type(error).__name__})", "simplify it"


def check_source(data: bytes) -> list[Found]:
    """What must change in a file's text."""
    text, found = _decode(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(text)
    found += [*_syntax(source)]
    if not found:
        found += _check_parse(text)
    found += _names(source)
    found += _lists(source)
    found += _api(source, bool(found))
    return sorted(set(found))


def _check_place(path: Path) -> Iterator[Found]:
    """What a file is by its name and place."""
    if path.parent.name == "Http" and path.name in OWN_MODULES:
        text = f"a module Http.{path.stem} of the site's own"
        yield 1, text, "it is used in place of PyISAPIe's: remove it, unless you wrote it for this"
    elif path.parent.name == "Http" and path.name == "__init__.py":
        remedy = "PyISAPIe's own is used in any case: remove it"
        yield 1, "a package Http of the site's own", remedy
    elif path.name.lower() == "pyisapie.py":
        yield 1, "a module that hides PyISAPIe's", "remove it"


def _is_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def _is_package(folder: Path) -> bool:
    return folder.name == "Http" or (folder / "__init__.py").is_file()


def _check_relative(path: Path, data: bytes) -> Iterator[Found]:
    """Imports of modules that lie beside this one in its package, as Python 2 found them."""
    folder = top = path.absolute().parent
    if not _is_package(folder):
        return
    while _is_package(top) and top != top.parent:
        top = top.parent
    for statement in Source(_decode(data)[0].replace("\r\n", "\n").replace("\r", "\n")).statements:
        if statement.begins not in ("import", "from"):
            continue
        modules = [statement[1].text] if statement.begins == "from" else _imported(statement)
        for name in {module.partition(".")[0] for module in modules}:
            is_elsewhere = name in sys.stdlib_module_names or _is_module(top, name)
            if name.isidentifier() and not is_elsewhere and _is_module(folder, name):
                remedy = f"write from . import {name}, or its whole name"
                yield statement.line, f"import of {name} out of the same package", remedy


def _check_file(path: Path) -> list[Found]:
    if BINARIES.fullmatch(path.name):
        remedy = "it is for another Python: remove it, and have the server load the new extension"
        return [(1, "a binary of PyISAPIe 1 or Python 2", remedy)]
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return [(1, "no file", "remove it from the site")]
        with open(path, "rb") as file:
            data = file.read(SOURCE_MAX + 1)
    except OSError as error:
        return [(1, f"this cannot be read ({error.strerror})", "give this account the right to")]
    if len(data) > SOURCE_MAX:
        return [(1, "this is too large for a page", f"keep it below {SOURCE_MAX >> 20} MiB")]
    return sorted({*_check_place(path), *check_source(data), *_check_relative(path, data)})


def _files(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        kept = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        folders[:] = sorted(n for n in kept if not os.path.exists(
            os.path.join(folder, n, "pyvenv.cfg")))  # fmt: skip
        for name in sorted(names):
            if name.lower().endswith(ENDINGS) or BINARIES.fullmatch(name):
                yield Path(folder, name)


def _shown(path: Path) -> str:
    """A name that can be written anywhere."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check(top: Path) -> Report:
    """Read a site's folder, or one file of it. FileNotFoundError when there is none."""
    if not top.exists():
        raise FileNotFoundError(f"there is no folder {top}")
    files = [top] if not top.is_dir() else list(_files(top))
    found = [
        Finding(_shown(path), line, text, remedy)
        for path in files
        for line, text, remedy in _check_file(path)
    ]
    return Report(len(files), found)
