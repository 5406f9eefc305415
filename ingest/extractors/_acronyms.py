"""Finds acronyms with their long forms: "census-designated place (CDP)", "CDP (census-designated place)".

Schwartz and Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text", PSB
2003: the letters of the short form must stand in the long form, in order, the first at the beginning of a
word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BRACKETS = re.compile(r"\(([^()\n]{2,80})\)")
_SHORT = re.compile(r"[A-Z][\w&.\-/]{1,9}$|[a-z]{1,2}[A-Z][\w-]{0,7}$")
_WORD = re.compile(r"[^\s(),;:\"“”]+")
_SENTENCE_END = re.compile(r"[.!?;:\n]\s|[\0(),\"“”]")


@dataclass(frozen=True, slots=True)
class Acronym:
    """A short form and what it stands for: `text[start:end] == long`."""

    short: str
    long: str
    start: int
    end: int


def find_acronyms(text: str) -> list[Acronym]:
    """Finds the acronyms that a text defines, in order; the first definition of a short form counts."""
    found: dict[str, Acronym] = {}
    for match in _BRACKETS.finditer(text):
        for acronym in _in_brackets(text, match):
            found.setdefault(acronym.short, acronym)
    return list(found.values())


def _in_brackets(text: str, match: re.Match[str]) -> Iterator[Acronym]:
    inside = re.split(r"[;,]|\bor\b", match.group(1))[0].strip(" \"“”'‘’")
    if _is_short(inside):
        low = max(0, match.start() - 120)
        start = max((m.end() for m in _SENTENCE_END.finditer(text, low, match.start())), default=low)
        words = list(_WORD.finditer(text, start, match.start()))[-_most_words(inside) :]
        yield from _definition(text, inside, words)
        return
    before = list(_WORD.finditer(text, max(0, match.start() - 12), match.start()))
    if before and _is_short(before[-1].group()) and len(inside.split()) >= 2:
        words = list(_WORD.finditer(text, match.start(1), match.start(1) + len(inside)))
        found = list(_definition(text, before[-1].group(), words))
        yield from (acronym for acronym in found if acronym.start == match.start(1))


def _is_short(word: str) -> bool:
    return bool(_SHORT.match(word)) and sum(c.isupper() for c in word) >= 2


def _most_words(short: str) -> int:
    letters = sum(c.isalnum() for c in short)
    return min(letters + 5, letters * 2)


def _definition(text: str, short: str, words: list[re.Match[str]]) -> Iterator[Acronym]:
    """The shortest run of words at the end of `words` that spells the short form."""
    for first in reversed(range(len(words))):
        start, end = words[first].start(), words[-1].end()
        long = text[start:end]
        if _spells(long, short):
            if len(words) - first > 1 and long.count("\n") < 2:
                yield Acronym(short, " ".join(long.split()), start, end)
            return


def _spells(long: str, short: str) -> bool:
    letters = [c.lower() for c in short if c.isalnum()]
    rest, left = long.lower(), len(long)
    if not letters or not rest or rest[0] != letters[0]:
        return False
    for place, letter in reversed(list(enumerate(letters))):
        left = rest.rfind(letter, 0, left)
        while place == 0 and left > 0:
            left = rest.rfind(letter, 0, left)
        if left < 0:
            return False
    return left == 0
