"""Splits prose into the tokens that names are made of; `U.S.`, `O'Brien`, `AT&T`, `C++` are one each."""

from __future__ import annotations

import re
from typing import NamedTuple

from ingest.extractors._lexicon import ADJECTIVE_ENDINGS

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΑ-ΩА-ЯЁІЇЄҐ"
_TOKEN = re.compile(
    rf"(?:[{_UPPER}]\.){{2,6}}(?![^\W_])"
    rf"|[{_UPPER}]\.(?=[ \n]?[{_UPPER}])"
    r"|(?:St|Mt|Ft|Dr|Mr|Mrs|Ms|Jr|Sr|Prof|Rev|Gen|Col|Lt|Sgt|Capt|Gov|Sen|Rep|Pres|No|Inc|Ltd|Co|Corp|Bros)\.(?=\W)"
    rf"|[\w\u0300-\u036f]+(?:(?:['’\-‐.&]|/(?=[{_UPPER}]))[\w\u0300-\u036f]+){{0,8}}(?:\+\+|\#(?!\w))?"
)
_INNER_CAPITAL = re.compile(r"[a-z]{1,4}[A-Z]\w*$|[A-Z][\w-]*[a-z][\w-]*[A-Z]")
_POSSESSIVE = frozenset({"'s", "’s", "'S", "’S"})


class Token(NamedTuple):
    """A word of a text; the span leaves a possessive `'s` out.

    Args:
        start: First character.
        end: One past the last.
        text: The word as written.
        low: The word in lower case, without a final full stop.
        capital: Whether it is written like (a part of) a name.
        possessive: Whether `'s` follows.
    """

    start: int
    end: int
    text: str
    low: str
    capital: bool
    possessive: bool

    @property
    def number(self) -> bool:
        """Whether it is a number of at most four digits."""
        return self.text.isdigit() and len(self.text) <= 4

    @property
    def acronym(self) -> bool:
        """Whether it is written in capitals only."""
        return len(self.text) > 1 and self.text.isupper() and self.text[0].isalpha()

    @property
    def marked(self) -> bool:
        """Whether its very spelling (inner capitals, digits, signs) marks it as a name."""
        text = self.text
        return (
            bool(_INNER_CAPITAL.match(text)) or text.endswith(("++", "#")) or any(c.isdigit() for c in text)
        )


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """Lists the tokens of a part of a text, in order."""
    return [_token(match) for match in _TOKEN.finditer(text, start, len(text) if end is None else end)]


def _token(match: re.Match[str]) -> Token:
    word = match.group()
    start, end = match.span()
    if "-" in word:
        word = _without_ending(word)
        end = start + len(word)
    possessive = word[-2:] in _POSSESSIVE and len(word) > 2
    if possessive:
        word, end = word[:-2], end - 2
    low = word.lower()
    capital = low != word and "_" not in word and (word[0].isupper() or bool(_INNER_CAPITAL.match(word)))
    return Token(start, end, word, low.rstrip("."), capital, possessive)


def _without_ending(word: str) -> str:
    """`Boston` of `Boston-based`."""
    name, _, ending = word.rpartition("-")
    return name if name[:1].isupper() and ending.islower() and ending.endswith(ADJECTIVE_ENDINGS) else word
