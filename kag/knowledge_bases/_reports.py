"""What a store reports: what a write did, what there is, how its entities came to be, and long work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kag.knowledge_bases.records import Scalar
from kag.resolution.base import LOWER, UPPER

JobState = Literal["queued", "running", "done", "partial", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Space:
    """The vector space of a store: two models' vectors are never compared.

    Args:
        model: The embedding model's full name, such as `fastembed/sentence-transformers/all-MiniLM-L6-v2`.
        dimensions: Length of its vectors.
    """

    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """How forms become entities.

    Args:
        automatic: False joins only what links join.
        upper: A score from here on merges; the default is the measured one.
        lower: A score from here on, below `upper`, is queued for review.
    """

    automatic: bool = True
    upper: float = UPPER
    lower: float = LOWER


@dataclass(frozen=True, slots=True)
class Move:
    """A form that is shown as another entity than before; the entity that a form leads has the form's id.

    Args:
        form_id: The form.
        before: The entity that it was part of; empty for a form that is new.
        after: The entity that it is part of now; empty for a form that is gone.
    """

    form_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What one document says of an entity, under the form that it uses."""

    document_id: str
    form_id: str
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    properties: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpsertReport:
    """What a write did. `unchanged` means that the same content was there already and nothing was written.

    `entities_created` and `entities_merged` count entities as they are shown: new ones, and known ones that
    the document adds to. `moves` says which forms became part of another entity by this write,
    `entities_queued` how many pairs it put up for review. `rejected` gives a reason for each entity and
    relation that was left out: nothing in the document holds it, or the data models do not allow it.
    """

    document_id: str
    unchanged: bool = False
    chunks_created: int = 0
    chunks_kept: int = 0
    chunks_removed: int = 0
    entities_created: int = 0
    entities_merged: int = 0
    relations_created: int = 0
    relations_merged: int = 0
    rejected: tuple[str, ...] = ()
    entities_queued: int = 0
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteReport:
    """What went with a document: its chunks, and the entities and relations that nothing else supports."""

    document_id: str
    chunks: int = 0
    mentions: int = 0
    entities: int = 0
    relations: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts over the asked collections, and the vector space of the store."""

    documents: int
    chunks: int
    entities: int
    relations: int
    mentions: int
    collections: tuple[str, ...]
    space: Space | None
    labels: Mapping[str, int] = field(default_factory=dict)
    relation_types: Mapping[str, int] = field(default_factory=dict)
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work, kept in the store so that it survives a restart.

    Args:
        id: `job_` and a random part.
        collection: Where its results go.
        kind: Such as `ingest`.
        state: Where it stands.
        done: Items finished.
        total: Items in all, as far as known.
        failed: Items that failed, as `{"item": ..., "error": ...}`.
        message: One line for a person.
        created_at: ISO 8601 time in UTC.
        updated_at: ISO 8601 time in UTC.
    """

    id: str
    collection: str
    kind: str
    state: JobState
    done: int = 0
    total: int = 0
    failed: tuple[Mapping[str, Any], ...] = ()
    message: str = ""
    created_at: str = ""
    updated_at: str = ""
