"""The values of entity resolution: forms, links and decisions.

A form is what documents contribute: one normalised name under one label. A resolution maps forms to the
entities that are shown. Everything here is a pure function of the forms and links that there are, never of
the order in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool
Verdict = Literal["same", "different"]
LinkSource = Literal["user", "model"]
Outcome = Literal["merge", "review", "apart"]

UPPER = 0.85  # a score from here on merges
LOWER = 0.55  # a score from here on, below UPPER, is queued for review
BLOCK = 48  # a key that more forms share makes no pairs
COSINE = 0.80  # forms whose vectors are this close are compared, whatever their keys


@dataclass(frozen=True, slots=True)
class Form:
    """A name under a label, with all that the collection's documents say of it.

    Args:
        id: The entity id that documents contribute it under.
        collection: Its namespace; forms of two namespaces are never compared.
        label: Its type; `Name` and `Term` say nothing about the type.
        name: As it is shown.
        aliases: Other names that documents give it, and what they call it for short.
        description: What documents say of it, may be empty.
        properties: Typed properties.
        neighbours: Ids of forms that it is related to or stands in a passage with; bounded by the caller.
        degree: How many chunks mention it.
    """

    id: str
    collection: str
    label: str
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    neighbours: frozenset[str] = frozenset()
    degree: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """What a person or a model has decided about two forms; it outlives the documents that they came from.

    Args:
        first: A form's id.
        second: Another form's id.
        verdict: `same` joins them, `different` keeps them apart.
        source: Who decided; a user outweighs a model.
        reason: In words, may be empty.
        document_ids: With `different`: what these documents say of the form belongs to the other one.
    """

    first: str
    second: str
    verdict: Verdict
    source: LinkSource
    reason: str = ""
    document_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What two forms were compared to, and why; `first < second`.

    Args:
        first: The smaller id.
        second: The greater id.
        score: 0 to 1.
        outcome: `merge` from UPPER on, `review` from LOWER on, else `apart`.
        evidence: What the score is made of, such as `{"rule": "known alias", "alias": "NASA"}`.
    """

    first: str
    second: str
    score: float
    outcome: Outcome
    evidence: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clusters:
    """What became of the forms.

    Args:
        leading: Every form's id to the id of the form that leads its cluster (itself, where it is alone).
        review: Decisions to be looked at, best first: those with the outcome `review`, and merges that were
            held back because a name could mean several things, with the reason in `evidence["held"]`.
    """

    leading: Mapping[str, str]
    review: tuple[Decision, ...] = ()
