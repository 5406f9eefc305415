"""How alike two names are: by initials, by letters, by the words that they share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from kag.resolution._names import FUNCTION, PARTICLES, Name

_VOWELS = str.maketrans(dict.fromkeys("aeiouy"))
_SOUNDS = str.maketrans({"c": "k", "q": "k", "z": "s", "w": "v", "j": "y", "h": ""})
_MOST_LETTERS = 12


def spells(short: str, words: Sequence[str]) -> bool:
    """Whether an acronym's letters are the beginnings of the words, in order.

    Every content word gives its first letter or more of its beginning; function words may give none.
    """
    if not 2 <= len(short) <= _MOST_LETTERS or len(words) < 2 or not words[0].startswith(short[0]):
        return False
    places = {0}  # how many letters are used up so far
    for word in words:
        places = {
            place + taken
            for place in places
            for taken in range(0 if word in FUNCTION else 1, _shared(short, place, word) + 1)
        }
        if not places:
            return False
    return len(short) in places


def _shared(short: str, place: int, word: str) -> int:
    taken = 0
    while taken < len(word) and place + taken < len(short) and short[place + taken] == word[taken]:
        taken += 1
    return taken


def initials(words: Sequence[str]) -> set[str]:
    """The acronyms that words may have: of all words, and of those that are no function words."""
    every = "".join(word[0] for word in words)
    content = "".join(word[0] for word in words if word not in FUNCTION)
    return {letters for letters in (every, content) if 3 <= len(letters) <= _MOST_LETTERS}


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """A word without vowels and doubled letters, sounds that are often swapped made equal."""
    plain = word.replace("ph", "f").replace("ck", "k").translate(_SOUNDS)
    rest = plain[1:].translate(_VOWELS)
    letters = plain[:1]
    for letter in rest:
        if letter != letters[-1:]:
            letters += letter
    return letters


def edits(first: str, second: str, most: int = 2) -> int:
    """How many letters must be changed, added, left out or swapped with the next; `most + 1` for more."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        older, before, row = before, row, [i] + [0] * len(second)
        for j, b in enumerate(second, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if older and j > 1 and a == second[j - 2] and first[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row[j] = best
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def last_name(name: Name) -> tuple[str, ...]:
    """The last word of a name with the particles before it: `van Gogh`, `D'Alessio`."""
    words = name.words
    start = len(words) - name.tail
    while start > 1 and words[start - 1] in PARTICLES:
        start -= 1
    return words[start:]


def given_names(name: Name) -> tuple[str, ...]:
    """The words before the last name."""
    return name.words[: len(name.words) - len(last_name(name))]


def given_fit(first: Sequence[str], second: Sequence[str]) -> str:
    """How given names fit: `equal`, `middle` (one has more), `initials` (a letter for a name), or nothing.

    Args:
        first: Given names and initials.
        second: The other's.
    """
    if not first or not second:
        return ""
    short, long = sorted((tuple(first), tuple(second)), key=len)
    if not _alike(short[0], long[0]):
        return ""
    place, initial = 0, False
    for word in short:
        while place < len(long) and not _alike(word, long[place]):
            place += 1
        if place == len(long):
            return ""
        initial |= word != long[place]
        place += 1
    if initial:
        return "initials"
    return "equal" if len(short) == len(long) else "middle"


def _alike(word: str, other: str) -> bool:
    if word == other or (min(len(word), len(other)) == 1 and word[0] == other[0]):
        return True
    return spelled_alike(word, other)


def spelled_alike(word: str, other: str) -> bool:
    """Whether two words are likely spellings of one: `Zakhary` and `Zachary`, `Seyhun` and `Seyhoon`."""
    if min(len(word), len(other)) < 5 or word[0] != other[0]:
        return False
    return skeleton(word) == skeleton(other) and edits(word, other) <= 2
