"""Texts and properties as a store keeps them, and how those that disagree become one, in any order."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kag.errors import StoreError
from kag.knowledge_bases.records import Scalar

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replaces what UTF-8 cannot hold (halves of surrogate pairs), one for one, so that spans stay true."""
    if text.isascii():
        return text
    return _SURROGATES.sub("\ufffd", text)


def to_json(value: Mapping[str, Scalar] | Sequence[object]) -> str:
    """Writes properties or a list as JSON, equal values always alike."""
    if not value:
        return "{}" if isinstance(value, Mapping) else "[]"
    try:
        return clean(json.dumps(value, ensure_ascii=False, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"{error}; properties hold text, numbers and truth values. Nothing was written."
        ) from error


def most_voted(votes: Mapping[str, int]) -> str:
    """The value that most documents give; among equals the first in the order of strings."""
    return min(votes, key=lambda value: (-votes[value], value))


def longest(texts: Iterable[str]) -> str:
    """The longest text; among equals the first in the order of strings."""
    return min(texts, key=lambda text: (-len(text), text), default="")


def merged_properties(sources: Iterable[str]) -> str:
    """For each property the value that most sources give."""
    votes: dict[str, Counter[str]] = {}
    for source in sources:
        for key, value in property_votes(source):
            votes.setdefault(key, Counter())[value] += 1
    return properties_from(votes)


def property_votes(properties: str) -> list[tuple[str, str]]:
    """Splits properties into keys and values, each value as JSON."""
    if properties == "{}":
        return []
    return [(key, json.dumps(value, ensure_ascii=False)) for key, value in json.loads(properties).items()]


def properties_from(votes: Mapping[str, Mapping[str, int]], policies: Mapping[str, str] | None = None) -> str:
    """Takes one value of each key: the most voted one, or what the key's policy says.

    Args:
        votes: Key to value, as JSON, to the number of sources that give it.
        policies: Key to `longest`, `union`, `max` or `min`, where it is not `majority`.
    """
    policies = policies or {}
    return to_json({key: _chosen(values, policies.get(key, "majority")) for key, values in votes.items()})


def _chosen(values: Mapping[str, int], policy: str) -> Scalar:
    """The value of one property; a pure function of what the sources say, whatever their order."""
    known: dict[str, Scalar] = {text: json.loads(text) for text in values}
    if len(known) == 1:
        return next(iter(known.values()))
    if policy == "longest":
        return known[min(known, key=lambda text: (-len(str(known[text])), text))]
    if policy in ("max", "min"):
        ranked = sorted(known, key=lambda text: (_number(known[text]), str(known[text]), text))
        return known[ranked[-1 if policy == "max" else 0]]
    if policy == "union":
        return "; ".join(sorted({part for v in known.values() for part in str(v).split("; ")}))
    return known[most_voted(values)]


def _number(value: Scalar) -> float:
    """What a value counts in `max` and `min`; texts stand below all numbers."""
    return float(value) if isinstance(value, int | float) else -math.inf
