"""What a name is made of: its words without titles, articles and legal forms, its initials, its numbers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from kag.text import normalise


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ARTICLES = _set("the a an le la les l el los las il lo der die das")
FUNCTION = _set("of the and for in on at de la le du des del di da von van der den y e und et to a an")
PARTICLES = _set(
    "von van der den de del della di da dos du la le bin ibn al el ben st saint mac af av zu ter"
)
MALE = _set("mr sir lord king prince duke baron count emperor monsieur herr don father brother uncle")
FEMALE = _set("mrs ms miss dame lady queen princess duchess baroness countess empress madame mme frau dona")
HONORIFICS = (
    MALE
    | FEMALE
    | _set(
        "dr prof professor doctor rev reverend hon saint st pope president senator sen governor "
        "gov general gen colonel col captain capt major maj lieutenant lt sergeant sgt admiral "
        "marshal commander cardinal bishop archbishop judge justice minister chancellor "
        "ambassador mayor sheikh sheik imam rabbi tsar sultan"
    )
)
GENERATIONS = _set("jr sr junior senior i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi")
DEGREES = _set("phd md mba esq obe cbe mbe kbe qc kc mp bsc msc dds frs")
LEGAL = _set(
    "inc incorporated corp corporation co company ltd limited llc llp plc gmbh ag sa nv bv oy ab "
    "asa spa srl pty kg sarl sas kk group holding holdings"
)
DESCRIPTIVE = _set("company group holding holdings")
# Short forms that documents do not explain because everybody knows them.
_KNOWN = {
    "us": "united states",
    "usa": "united states",
    "uk": "united kingdom",
    "eu": "european union",
    "un": "united nations",
    "ussr": "soviet union",
    "uae": "united arab emirates",
}
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*")
_ROMAN = re.compile(r"\b(?=[XVI]{2})X{0,3}(?:IX|IV|V?I{0,3})\b")
_LONGEST = 300
_AT_END = re.compile(r"[(\[]([^()\[\]]*)[)\]]\s*$")
_HYPHEN = re.compile(r"(?<=[^\W\d_])\s?([-‐‑–])\s?(?=[^\W\d_])")
_DOTTED = re.compile(r"(?:[^\W\d_]\.\s?){2,}")
_SHORT = re.compile(r"[^\W_][\w&./+-]{1,11}")


class Name(NamedTuple):
    """A name as it is compared.

    Args:
        text: As it is written, without brackets.
        key: All its words folded, as `normalise` gives them.
        words: Its words without article, titles, generation, degrees and legal form; never empty.
        honorific: The titles before it.
        generation: `jr`, `ii` or nothing.
        legal: The legal form that it ends with, or nothing.
        numbers: Its words that have digits or are Roman numbers.
        short: The letters of an acronym, folded; empty if it is not written as one.
        tail: How many of the words are written as its last one: two in `Edward Burne-Jones`.
        qualifier: What brackets after it say, to tell it from its namesakes: `film`.
    """

    text: str
    key: str
    words: tuple[str, ...]
    honorific: frozenset[str]
    generation: str
    legal: str
    numbers: frozenset[str]
    short: str
    tail: int
    qualifier: str

    @property
    def fullness(self) -> tuple[bool, int, int]:
        """Sorts the best name first: no acronym, the most said, the least of titles and legal forms."""
        return bool(self.short), -len(" ".join(self.words)), len(self.key)

    @property
    def content(self) -> tuple[str, ...]:
        """Its words without function words, unless nothing else is there."""
        return tuple(word for word in self.words if word not in FUNCTION) or self.words


@lru_cache(maxsize=32_768)
def parse(text: str) -> Name:
    """Reads a name, at most its first 300 characters; equal texts are read once."""
    text = text[:_LONGEST]
    bare = _HYPHEN.sub(r"\1", _BRACKETS.sub(" ", text)).strip() or text
    short = acronym(bare[4:] if bare[:4].lower() == "the " else bare)
    key = normalise(bare)
    all_words = key.split() or [text]
    words, honorific = _without_titles(all_words)
    words, generation = _without_end(words, GENERATIONS | DEGREES)
    words, legal = _without_end(words, LEGAL)
    words = _expanded(words, bare)
    if generation in DEGREES:
        generation = ""
    return Name(
        bare,
        key,
        tuple(words),
        honorific,
        _generation(generation),
        legal,
        _numbers(words, bare) - {generation},
        short,
        min(len(words), _tail(bare, words[-1])),
        _qualifier(text, bare, words),
    )


def acronym(text: str) -> str:
    """The letters of a name that is written as an acronym: `NASA`, `U.S.`, `MSAs`, `mRNA`; else nothing."""
    if _DOTTED.fullmatch(text + ("" if text.endswith(".") else ".")):
        return normalise(text).replace(" ", "")
    if not _SHORT.fullmatch(text):
        return ""
    letters = [c for c in text if c.isalpha()]
    upper = sum(c.isupper() for c in letters)
    if upper < 2 or upper * 2 < len(letters):
        return ""
    plain = text[:-1] if text.endswith("s") and text[:-1].isupper() else text
    return normalise(plain).replace(" ", "")


def _expanded(words: list[str], text: str) -> list[str]:
    """Writes out what everybody knows at the beginning of a name: `US`, `U.S. Congress`."""
    if words[:4] == ["united", "states", "of", "america"]:
        return words[:2] + words[4:]
    start = text.split()[1:2] if text[:4].lower() == "the " else text.split()[:1]
    known = _KNOWN.get(acronym(start[0])) if start else None
    if not known:
        return words
    taken = len(normalise(start[0]).split())
    return known.split() + words[taken:] if words[:taken] == normalise(start[0]).split() else words


def _numbers(words: list[str], text: str) -> frozenset[str]:
    found = {word for word in words if not word.isalpha() and any(c.isdigit() for c in word)}
    return frozenset(found.union(match.lower() for match in _ROMAN.findall(text)))


def _qualifier(text: str, bare: str, words: list[str]) -> str:
    """The words in brackets at the end, unless they are the name's acronym."""
    match = _AT_END.search(text)
    inside = match.group(1).strip() if match and match.start() and bare != text else ""
    if not inside or (len(words) > 1 and acronym(inside)[:1] == words[0][:1]):
        return ""
    return normalise(inside)


def _tail(text: str, last: str) -> int:
    """How many words the written word that ends with the last one has."""
    for written in reversed(text.split()):
        parts = normalise(written).split()
        if parts and parts[-1] == last:
            return len(parts)
    return 1


def _without_titles(words: list[str]) -> tuple[list[str], frozenset[str]]:
    start = 0
    if len(words) > 1 and words[0] in ARTICLES:
        start = 1
    first = start
    while start < len(words) - 1 and words[start] in HONORIFICS:
        start += 1
    if words[start] in FUNCTION - PARTICLES or words[start] == "of":  # `King of Ireland` is an office
        start = first
    return words[start:], frozenset(words[first:start])


def _without_end(words: list[str], ends: frozenset[str]) -> tuple[list[str], str]:
    end, found = len(words), ""
    while end > 1 and words[end - 1] in ends:
        end -= 1
        found = words[end]
    return words[:end], found


def _generation(word: str) -> str:
    return {"junior": "jr", "senior": "sr"}.get(word, word)
