# SPDX-License-Identifier: Apache-2.0
"""What the page API of PyISAPIe 1 had otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyisapie.legacy.python2 import PRINT_REMEDY, check_print
from pyisapie.legacy.source import CLOSING, LOOK_MAX, NOTHING, OPENING, Found, Source, Statement
from pyisapie.legacy.words import NAME, NUMBER, STRING, Word


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
    before, after = statement[start - 1] if start else NOTHING, statement[end + 1]
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
            before, after = statement[at - 1] if at else NOTHING, statement[at + 1]
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
    if statement.begins == "print" and statement[1].is_op("(") and not [*check_print(statement)]:
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


def check_api(source: Source, is_old: bool) -> Iterator[Found]:
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
