"""How a document uses its words: which it writes with a capital within sentences, and which in lower case.

This is a truecaser from counts (Lita et al., ACL 2003) over one document, so that what is extracted from it
does not depend on which other documents were read before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.extractors._lexicon import COMMON

_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_WITHIN = re.compile(r"(?<=[^\W\d_A-Z][ \n,;]|[,;\d)][ \n])[(\"“‘]?([^\W\d_]+(?:['’-][^\W\d_]+)*)")
_LINE = re.compile(r"[^\n]+")
_SENTENCE_MARKS = ".,;:!?…"
_SHORT_WORD = 4


@dataclass(frozen=True, slots=True)
class Profile:
    """The counts of one document.

    Args:
        low: Word in lower case to how often it stands in lower case.
        within: Word in lower case to how often it stands with a capital where no sentence begins.
        title: Words of the title, in lower case.
    """

    low: Counter[str]
    within: Counter[str]
    title: frozenset[str]

    def usually_low(self, word: str) -> bool:
        """Whether the document writes a word in lower case more often than with a capital."""
        key = _key(word)
        return self.low[key] > self.within[key]

    def surely_name(self, word: str) -> bool:
        """Whether the document gives reason to take a capitalised word for a name wherever it stands."""
        key = _key(word)
        if self.low[key] >= max(1, self.within[key]):
            return False
        return self.within[key] > 0 or (key in self.title and key not in COMMON)

    def often_within(self, word: str) -> bool:
        """Whether the document writes the word with a capital within sentences more than once."""
        return self.within[_key(word)] > 1

    def never_low(self, word: str) -> bool:
        """Whether the document never writes the word in lower case."""
        return self.low[_key(word)] == 0


def profile(text: str, title: str = "") -> Profile:
    """Counts how a document uses its words.

    Args:
        text: The document without markup (see `_markup.plain`).
        title: The document's title.
    """
    text = blanked(text, headline_spans(text), " ")
    low = Counter(word for word in _WORDS.findall(text) if word[0].islower())
    within = Counter(word.lower() for word in _WITHIN.findall(text) if word[0].isupper())
    for word in [word for word in low if word.endswith(("'s", "’s"))]:
        low[word[:-2]] += low[word]
    for word in [word for word in within if word.endswith(("'s", "’s"))]:
        within[word[:-2]] += within[word]
    return Profile(low, within, frozenset(word.lower() for word in _WORDS.findall(title)))


def blanked(text: str, spans: Iterable[tuple[int, int]], sign: str = "\0") -> str:
    """A text of the same length, in which spans (in order, without overlap) are filled with a sign."""
    pieces, place = [], 0
    for start, end in spans:
        pieces += [text[place:start], sign * (end - start)]
        place = end
    return "".join([*pieces, text[place:]])


def headline_spans(text: str) -> list[tuple[int, int]]:
    """Finds the lines whose capitals say nothing: Markdown headings, lines in Title Case or ALL CAPITALS."""
    return [match.span() for match in _LINE.finditer(text) if _is_headline(match.group())]


def _is_headline(line: str) -> bool:
    stripped = line.strip()
    if stripped.startswith("#"):
        return True
    if len(stripped) > 160 or not stripped or stripped.startswith("|"):
        return False
    words = _WORDS.findall(stripped)
    if len(words) >= 2 and stripped.isupper() and max(map(len, words)) > _SHORT_WORD:
        return True
    if len(words) < 3 or stripped[-1] in _SENTENCE_MARKS or "," in stripped:
        return False
    long = [word for word in words if len(word) >= _SHORT_WORD]
    return len(long) >= 2 and all(word[0].isupper() for word in long)


def _key(word: str) -> str:
    return word.lower().removesuffix("'s").removesuffix("’s")
