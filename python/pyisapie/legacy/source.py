# SPDX-License-Identifier: Apache-2.0
"""The statements of a source, of Python 2 as of Python 3, and what its names are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from pyisapie.legacy.names import MODULES
from pyisapie.legacy.words import END, NAME, Word, split

LOOK_MAX = 200  # words of a call that are looked at
COMPOUND = {"if", "elif", "else", "while", "for", "try", "except", "finally", "with", "def",
            "class", "async"}  # fmt: skip
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
GUARDS = {"ImportError", "ModuleNotFoundError", "NameError", "AttributeError", "Exception"}

Found = tuple[int, str, str]  # line, text, remedy


class Statement:
    """A simple statement, or the head of a compound one."""

    def __init__(self, words: list[Word], column: int) -> None:
        self.words = words
        self.column = column  # where its line begins
        self.line = words[0].line

    def __getitem__(self, index: int) -> Word:
        """A word; the end's is one that is nothing."""
        return self.words[index] if -1 <= index < len(self.words) else NOTHING

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


NOTHING = Word(END, "", 0, 0)


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


class Source:
    """A file's statements, and the names that it gives meanings to."""

    def __init__(self, text: str) -> None:
        self.statements = list(_statements(split(text)))
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
            following, before = statement[at + 1], words[at - 1] if at else NOTHING
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
            elif not MODULES.get(module):
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
