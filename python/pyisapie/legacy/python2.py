# SPDX-License-Identifier: Apache-2.0
"""What Python 2 had, and what the present Python has instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyisapie.legacy import names
from pyisapie.legacy.source import CLOSING, NOTHING, OPENING, Found, Source, Statement
from pyisapie.legacy.words import NAME, NUMBER, STRING

# ---- syntax ----

PRINT_REMEDY = "write Write(...): print() goes to the log in a page with a Request()"


def check_print(statement: Statement) -> Iterator[Found]:
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
    rest = statement[statement.close(1) + 1] if after.is_op("(") else NOTHING
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


STATEMENTS = {"print": check_print, "exec": _check_exec, "raise": _check_raise,
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


def check_syntax(source: Source) -> Iterator[Found]:
    for statement in source.statements:
        yield from _check_words(statement)
        check = STATEMENTS.get(statement.begins)
        if not check or (statement.begins == "print" and "print" in source.bound):
            continue
        for line, text, remedy in check(statement):
            to_client = text.startswith("print") and ">>" not in text and source.is_page
            yield line, text, PRINT_REMEDY if to_client else remedy


# ---- modules and names ----


def imported(statement: Statement) -> Iterator[str]:
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
    for name in imported(statement):
        remedy = names.MODULES.get(name) or names.MEMBERS.get(name)
        if remedy:
            yield statement.line, f"import of {name}", remedy


def _check_name(source: Source, statement: Statement, at: int) -> Iterator[Found]:
    word, before, after = statement[at], statement[at - 1] if at else NOTHING, statement[at + 1]
    if before.is_op("."):
        remedy = names.METHODS.get(word.text)
        if remedy and after.is_op("(") and word.text not in source.bound:
            no_arguments = statement[at + 2].is_op(")")
            if no_arguments or word.text not in names.WITHOUT_ARGUMENTS:
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
        remedy = names.MEMBERS.get(dotted)
        if remedy and word.text in source.modules:
            yield word.line, dotted, remedy
        return
    if word.text == "map" and after.is_op("(") and statement[at + 2].is_name("None"):
        yield word.line, "map(None, ...)", "write list(...), or zip(...)"
    if word.text == "cmp" and after.is_op("="):
        yield word.line, "sorting by cmp", "write key=functools.cmp_to_key(...)"
    remedy = names.NAMES.get(word.text)
    if not remedy and after.is_op("("):
        remedy = names.CALLS.get(word.text)
    if remedy and statement.begins not in ("import", "from"):
        yield word.line, word.text, remedy


def _check_codec(statement: Statement, at: int) -> Iterator[Found]:
    word, owner, codec = statement[at], statement[at - 2] if at > 1 else NOTHING, statement[at + 2]
    name = codec.text.strip("\"'").lower() if codec.kind == STRING else ""
    if name in names.CODECS:
        yield word.line, f".{word.text}({name!r})", names.CODECS[name]
    elif word.text == "decode" and owner.kind == STRING and "b" not in owner.prefix:
        yield word.line, "a text that is decoded", "it is decoded already: leave .decode() out"


def _check_defined(source: Source, statement: Statement) -> Iterator[Found]:
    if statement.begins != "def" and statement.begins != "__metaclass__":
        return
    name = statement[1].text if statement.begins == "def" else statement.begins
    if name == "next" and "__iter__" in source.bound and "__next__" not in source.bound:
        yield statement.line, "def next", "call it __next__"
    remedy = names.SPECIAL.get(name)
    new = remedy.rpartition(" ")[2] if remedy else ""
    if remedy and new not in source.bound:
        yield statement.line, name, remedy


def check_names(source: Source) -> Iterator[Found]:
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


def check_lists(source: Source) -> Iterator[Found]:
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
