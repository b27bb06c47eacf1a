# SPDX-License-Identifier: Apache-2.0
"""The words of a Python source, of Python 2 as of Python 3: for pyisapie.legacy.

The standard library's tokenize knows the present Python only, and gives up where it sees another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

NAME, NUMBER, STRING, OPERATOR, END = "name", "number", "string", "operator", "end"

NESTED_MAX = 20  # strings within the braces of f-strings

_SPACE = re.compile(r"(?:[ \t\f\ufeff]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_STRING = re.compile(r"([A-Za-z]{0,2})('''|\"\"\"|'|\")")
_PREFIXES = frozenset(("", "b", "u", "r", "f", "t", "br", "rb", "ur", "fr", "rf", "tr", "rt"))
_NAME = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"\d\w*(?:\.\w*)?|\.\d\w*")
_OPERATOR = re.compile(r"<>|->|:=|\.\.\.|(?:\*\*|//|>>|<<)=?|[-+*/%&|^=<>!@]=|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """kind: one of the constants; END is the end of a logical line. first: it begins one."""

    kind: str
    text: str
    line: int
    column: int

    def is_op(self, *texts: str) -> bool:
        return self.kind == OPERATOR and self.text in texts

    def is_name(self, *texts: str) -> bool:
        return self.kind == NAME and self.text in texts

    @property
    def prefix(self) -> str:
        """The letters before a string."""
        return self.text[: len(self.text) - len(self.text.lstrip("bBuUrRfFtT"))].lower()


def _string_end(text: str, at: int, quote: str, prefix: str, nested: int = 0) -> int:
    """Where a string ends whose content begins at this place."""
    formatted = "f" in prefix or "t" in prefix
    depth = 0
    while at < len(text):
        char = text[at]
        if depth and (found := _STRING.match(text, at)) and nested < NESTED_MAX:
            at = _string_end(text, found.end(), found[2], found[1].lower(), nested + 1)
        elif depth and char in "{}":
            depth += 1 if char == "{" else -1
            at += 1
        elif text.startswith(quote, at):
            return at + len(quote)
        elif char == "\n" and len(quote) == 1 and not depth:
            return at  # it has no end
        elif char == "\\" and not depth:
            at += 2
        elif formatted and char == "{":
            double = text.startswith("{{", at)
            depth += not double
            at += 1 + double
        else:
            at += 1
    return len(text)


def _next(text: str, at: int) -> tuple[str, int]:
    """The kind of the word at this place, and its end."""
    found = _STRING.match(text, at)
    if found and found[1].lower() in _PREFIXES:
        return STRING, _string_end(text, found.end(), found[2], found[1].lower())
    for kind, pattern in ((NAME, _NAME), (NUMBER, _NUMBER)):
        if found := pattern.match(text, at):
            return kind, found.end()
    found = _OPERATOR.match(text, at)
    assert found
    return OPERATOR, found.end()


def split(text: str) -> Iterator[Word]:
    """The words of a source, whose lines end in "\\n". Nothing makes it fail."""
    at, line, begin, depth = 0, 1, 0, 0
    while at < len(text):
        if found := _SPACE.match(text, at) or _COMMENT.match(text, at):
            line += text.count("\n", at, found.end())
            if "\n" in found[0]:
                begin = text.rindex("\n", at, found.end()) + 1
            at = found.end()
            continue
        if text[at] == "\n":
            if depth == 0:
                yield Word(END, "", line, at - begin)
            at += 1
            line, begin = line + 1, at
            continue
        kind, end = _next(text, at)
        word = Word(kind, text[at:end], line, at - begin)
        if word.is_op("(", "[", "{"):
            depth += 1
        elif word.is_op(")", "]", "}"):
            depth = max(0, depth - 1)
        yield word
        breaks = word.text.count("\n") if kind == STRING else 0
        if breaks:
            line += breaks
            begin = text.rindex("\n", at, end) + 1
        at = end
    yield Word(END, "", line, at - begin)
