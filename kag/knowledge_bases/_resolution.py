"""The part of entity resolution that all stores share: pure functions over the forms that a store fetches.

A store keeps what documents contribute in terms of forms, and shows clusters of forms. After every change it

1. computes the keys of the forms whose names changed (`key_numbers`), and finds the pairs that share a key
   which at most BLOCK forms have;
2. decides these pairs (`decide`), first without neighbours, then, where the decision says that the context
   counts, with them;
3. collects what decisions and `same` links connect to a form whose words, decisions or links changed, and
   clusters it (`grouped`);
4. moves what the documents contribute to where it is shown from now on.

Every step is a function of what is there now, so the graph does not depend on the order of documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from kag.errors import ConfigurationError
from kag.knowledge_bases.base import Resolution
from kag.resolution.base import LOWER, UPPER, Clusters, Decision, Form, Link, Outcome
from kag.resolution.clustering import cluster
from kag.resolution.matching import compare, keys

RULES = 2  # raise it when keys or decisions change: stores then resolve anew what they hold
_ACCIDENTS = ("nothing in common", "values differ")  # rules by which a shared key says nothing


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and whether it depends on neighbours or vectors, so that these must be looked at."""

    decision: Decision
    contextual: bool

    def counts(self) -> bool:
        """Whether it is kept: it joins, asks, may do so in another context, or tells lookalikes apart."""
        if self.contextual or self.decision.outcome != "apart":
            return True
        return self.decision.evidence.get("rule") not in _ACCIDENTS


def settings_of(resolution: Resolution | Mapping[str, Any] | str | None) -> Resolution | None:
    """Reads the argument of a store: None leaves the choice to what the store was resolved with.

    Raises:
        ConfigurationError: It is neither `on`, `off` nor thresholds that fit.
    """
    if resolution is None or isinstance(resolution, Resolution):
        chosen = resolution
    elif isinstance(resolution, str) and resolution in ("on", "off"):
        chosen = Resolution(automatic=resolution == "on")
    elif isinstance(resolution, Mapping) and resolution.keys() <= {"automatic", "upper", "lower"}:
        chosen = Resolution(**resolution)
    else:
        raise ConfigurationError(
            f"resolution is {resolution!r}; expected 'on', 'off', or thresholds such as "
            f"{{'upper': {UPPER}, 'lower': {LOWER}}}."
        )
    if chosen is not None and not _is_fit(chosen):
        raise ConfigurationError(
            f"The thresholds of resolution are {chosen.lower!r} and {chosen.upper!r}; expected numbers with "
            "0 <= lower <= upper <= 1."
        )
    return chosen


def _is_fit(settings: Resolution) -> bool:
    numbers = (settings.lower, settings.upper)
    return all(isinstance(n, int | float) for n in numbers) and 0 <= numbers[0] <= numbers[1] <= 1


def stamp(settings: Resolution) -> str:
    """What a store writes down of how it was resolved; another stamp means that it must be done anew."""
    return json.dumps({"rules": RULES, **asdict(settings)}, sort_keys=True)


def settings_in(stamped: str) -> Resolution:
    """The settings in a stamp."""
    said: dict[str, Any] = json.loads(stamped)
    return Resolution(said["automatic"], said["upper"], said["lower"])


def key_numbers(form: Form) -> frozenset[int]:
    """The keys under which a form meets others, as signed 64-bit numbers that hold none of its words."""
    return frozenset(_number(form.collection, key) for key in keys(form))


def decide(
    first: Form,
    second: Form,
    settings: Resolution,
    identities: Mapping[str, str],
    cosine: float | None = None,
) -> Decided:
    """Compares two forms.

    Args:
        first: A form; without neighbours the context is left out, and `contextual` says whether it counts.
        second: Another form of its collection.
        settings: Thresholds.
        identities: Label to the field that is its key, of the data models.
        cosine: Of their vectors, where both have one.
    """
    keyed = _by_key(first, second, identities)
    if keyed is not None:
        return Decided(keyed, contextual=False)
    bare = compare(_bare(first), _bare(second))
    if not LOWER <= bare.score < UPPER:
        return Decided(_judged(bare, settings), contextual=False)
    return Decided(_judged(compare(first, second, cosine=cosine), settings), contextual=True)


def grouped(
    forms: Iterable[Form],
    decisions: Iterable[Decision],
    links: Iterable[Link],
    identities: Mapping[str, str],
) -> Clusters:
    """Clusters forms that merges and links connect; forms with different keys never come together."""
    forms = tuple(forms)
    keyed = [form for form in forms if form.label in identities]
    apart = [
        Link(a.id, b.id, "different", "user")
        for a, b in combinations(sorted(keyed, key=lambda form: form.id), 2)
        if (decision := _by_key(a, b, identities)) and decision.outcome == "apart"
    ]
    return cluster(forms, decisions, (*links, *apart))


def _by_key(first: Form, second: Form, identities: Mapping[str, str]) -> Decision | None:
    """What the key says that the data model of both declares, where both have one."""
    field = identities.get(first.label)
    if not field or first.label != second.label:
        return None
    left, right = first.properties.get(field), second.properties.get(field)
    if left is None or right is None:
        return None
    ends = sorted((first.id, second.id))
    if left == right:
        return Decision(ends[0], ends[1], 1.0, "merge", {"rule": "same key", "key": field})
    return Decision(ends[0], ends[1], 0.0, "apart", {"rule": "keys differ", "key": field})


def _bare(form: Form) -> Form:
    return replace(form, neighbours=frozenset()) if form.neighbours else form


def _judged(decision: Decision, settings: Resolution) -> Decision:
    """The decision by the thresholds of a store."""
    if (settings.upper, settings.lower) == (UPPER, LOWER):
        return decision
    outcome: Outcome = "merge" if decision.score >= settings.upper else "review"
    return replace(decision, outcome=outcome if decision.score >= settings.lower else "apart")


def _number(collection: str, key: str) -> int:
    text = f"{collection}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)
