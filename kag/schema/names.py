"""Property names: numbered copies (`query_1`), singular and plural, titles."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache

_NUMBERED = re.compile(r"^(.+)_\d+$")

_IRREGULAR = {
    "person": "people",
    "child": "children",
    "man": "men",
    "woman": "women",
    "mouse": "mice",
    "goose": "geese",
    "foot": "feet",
    "tooth": "teeth",
    "ox": "oxen",
    "leaf": "leaves",
    "life": "lives",
    "knife": "knives",
    "wife": "wives",
    "half": "halves",
    "shelf": "shelves",
    "self": "selves",
    "thief": "thieves",
    "wolf": "wolves",
    "axis": "axes",
    "analysis": "analyses",
    "basis": "bases",
    "crisis": "crises",
    "diagnosis": "diagnoses",
    "ellipsis": "ellipses",
    "hypothesis": "hypotheses",
    "parenthesis": "parentheses",
    "synopsis": "synopses",
    "synthesis": "syntheses",
    "thesis": "theses",
    "criterion": "criteria",
    "phenomenon": "phenomena",
    "index": "indices",
    "matrix": "matrices",
    "vertex": "vertices",
    "appendix": "appendices",
    "datum": "data",
    "medium": "media",
    "bacterium": "bacteria",
    "curriculum": "curricula",
    "memorandum": "memoranda",
    "stimulus": "stimuli",
    "nucleus": "nuclei",
    "radius": "radii",
    "fungus": "fungi",
    "alumnus": "alumni",
    "cactus": "cacti",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "echo": "echoes",
    "veto": "vetoes",
    "movie": "movies",
    "cookie": "cookies",
    "lie": "lies",
    "tie": "ties",
    "pie": "pies",
    "die": "dice",
    "quiz": "quizzes",
    "cache": "caches",
    "headache": "headaches",
    "database": "databases",
    "case": "cases",
    "phase": "phases",
    "phrase": "phrases",
    "purchase": "purchases",
    "release": "releases",
    "response": "responses",
    "course": "courses",
    "source": "sources",
    "clause": "clauses",
    "cause": "causes",
    "house": "houses",
    "horse": "horses",
    "nurse": "nurses",
    "use": "uses",
    "size": "sizes",
    "prize": "prizes",
    "axe": "axes",
}
_SINGULARS = {plural: singular for singular, plural in reversed(_IRREGULAR.items())}
_UNCOUNTED = frozenset(
    (
        "series",
        "species",
        "news",
        "means",
        "sheep",
        "fish",
        "deer",
        "aircraft",
        "evidence",
        "knowledge",
        "metadata",
        "lens",
        "chaos",
        "bias",
        "gas",
        "canvas",
        "atlas",
        "alias",
        "yes",
        "this",
        "thanks",
    )
)
_HISSING = ("sses", "shes", "ches", "xes", "zzes")


@lru_cache(maxsize=8192)
def base_name(key: str) -> str:
    """Strips one number that a collision appended: `query_2` gives `query`."""
    match = _NUMBERED.match(key)
    return match.group(1) if match else key


@lru_cache(maxsize=8192)
def stem(key: str) -> str:
    """The name that masks and factorize compare: `user_queries_1` gives `user_query`."""
    return _on_last_word(base_name(key), _singular)


@lru_cache(maxsize=8192)
def plural(key: str) -> str:
    """The plural of a singular name (`query` gives `queries`)."""
    return _on_last_word(key, _plural)


def title(key: str) -> str:
    """The title of a property: `query_1` gives `Query 1`."""
    return key.replace("_", " ").strip().title()


def free_name(key: str, taken: Container[str]) -> str:
    """The first of `key`, `key_1`, `key_2`, ... that is not taken.

    A name that is itself a numbered copy of a taken one is counted on (`query_1` becomes `query_2`, not
    `query_1_1`).
    """
    if key not in taken:
        return key
    root = base_name(key)
    if root not in taken:
        root = key
    number = 1
    while f"{root}_{number}" in taken:
        number += 1
    return f"{root}_{number}"


def _on_last_word(key: str, change: object) -> str:
    head, underscore, word = key.rpartition("_")
    return f"{head}{underscore}{change(word)}" if callable(change) else key


def _singular(word: str) -> str:
    lower = word.lower()
    if lower in _SINGULARS:
        return _keep_case(word, _SINGULARS[lower])
    if lower in _UNCOUNTED or lower in _IRREGULAR or lower.endswith(("ss", "us", "is")) or len(lower) < 3:
        return word
    if lower.endswith("ies") and len(lower) > 4:
        return word[:-3] + "y"
    if lower.endswith(_HISSING):
        return word[:-2]
    return word[:-1] if lower.endswith("s") else word


def _plural(word: str) -> str:
    lower = word.lower()
    if lower in _IRREGULAR:
        return _keep_case(word, _IRREGULAR[lower])
    if lower in _UNCOUNTED or lower in _SINGULARS:
        return word
    if lower.endswith("y") and lower[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return word[:-1] + "ies"
    if lower.endswith(("s", "x", "z", "sh", "ch")):
        return word + "es"
    return word + "s"


def _keep_case(word: str, changed: str) -> str:
    return changed.capitalize() if word[:1].isupper() else changed
