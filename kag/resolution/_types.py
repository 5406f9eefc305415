"""Which labels may mean the same type: models write `Person` or `Politician`, rules write `Name`."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from kag.text import normalise

Types = Literal["equal", "untyped", "unlike", "apart"]

_UNTYPED = frozenset(("", "name", "term", "entity", "thing", "concept", "object", "unknown"))
_KINDS = {
    "person": "person, people, per, human, character, politician, artist, author, scientist, musician",
    "organisation": "organisation, organization, org, company, institution, agency, university, school, "
    "team, group, band, party, political party, government, corporation, club",
    "place": "place, location, loc, gpe, country, city, state, region, geopolitical entity, settlement, "
    "facility, mountain, river, building, town, village, continent",
    "time": "time, date, year, period, datetime, duration",
    "number": "num, number, quantity, money, percent, cardinal, ordinal",
    "event": "event",
    "work": "work, work of art, film, movie, book, song, album, publication",
}
_KIND = {word: kind for kind, words in _KINDS.items() for word in words.split(", ")}


@lru_cache(maxsize=4096)
def kind(label: str) -> str:
    """The kind of thing that a label names: `person`, `place`, ...; the label itself where it is unknown.

    Labels that say nothing (`Name`, `Term`, `Entity`) give an empty kind.
    """
    plain = normalise(label.replace("_", " "))
    return "" if plain in _UNTYPED else _KIND.get(plain, plain)


@lru_cache(maxsize=16_384)
def types(first: str, second: str) -> Types:
    """How two labels fit: `unlike` may still be the same thing said otherwise, `apart` never is."""
    left, right = kind(first), kind(second)
    if left == right:
        return "equal" if left else "untyped"
    if "time" in (left, right) or "number" in (left, right):
        return "apart"
    if not left or not right:
        return "untyped"
    return "apart" if left in _KINDS and right in _KINDS else "unlike"
