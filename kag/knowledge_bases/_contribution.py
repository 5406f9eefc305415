"""What one document contributes to the graph, as plain values that can be compared, stored and taken back.

A write is the difference between what the document contributed before and what it contributes now; a deletion
is the same with nothing as the new contribution. So no write needs to know in which order documents came.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from kag.errors import EmbeddingMismatchError, StoreError
from kag.knowledge_bases._values import clean, longest, merged_properties, most_voted, to_json
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.records import (
    Chunk,
    DocumentChange,
    Entity,
    Mention,
    MentionKind,
    Relation,
    relation_id,
)

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

MENTION_KINDS: tuple[MentionKind, ...] = ("mention", "title")  # stored as the index; only ever append
ALIAS_SEPARATOR = "\x1e"

MentionRow = tuple[str, str, int, int, int]  # chunk id, entity id, start, stop, index of the kind
SupportRow = tuple[str, str, int, int, str]  # relation id, chunk id, start, stop, quote


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as it is stored; `context` is what else it is found by: title and headings."""

    position: int
    start: int
    stop: int
    page: int | None
    headings: str
    text: str
    context: str


@dataclass(frozen=True, slots=True)
class EntitySource:
    """What one document says of an entity."""

    name: str
    aliases: tuple[str, ...]
    description: str
    properties: str


@dataclass(frozen=True, slots=True)
class RelationSource:
    """What one document says of a relation, beside its support."""

    description: str
    properties: str


@dataclass(slots=True)
class Contribution:
    """All that one document holds in the graph, by id; empty for a document that is not there.

    Args:
        chunks: By id.
        entities: By id.
        relations: By id.
        mentions: As rows.
        support: As rows.
        labels: Entity id to label.
        ends: Relation id to subject, type and object.
        rejected: Why an entity was left out.
    """

    chunks: dict[str, ChunkRow] = field(default_factory=dict)
    entities: dict[str, EntitySource] = field(default_factory=dict)
    relations: dict[str, RelationSource] = field(default_factory=dict)
    mentions: set[MentionRow] = field(default_factory=set)
    support: set[SupportRow] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    ends: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()

    def renamed(self, ids: Mapping[str, str]) -> Contribution:
        """The same with other ids for some entities, and so for their relations."""
        if self.labels.keys().isdisjoint(ids):
            return self
        ends = {i: (ids.get(s, s), type_, ids.get(o, o)) for i, (s, type_, o) in self.ends.items()}
        facts = {i: i if ends[i] == self.ends[i] else relation_id(*ends[i]) for i in ends}
        return Contribution(
            chunks=self.chunks,
            entities={ids.get(i, i): source for i, source in self.entities.items()},
            relations={facts[i]: source for i, source in self.relations.items()},
            mentions={(row[0], ids.get(row[1], row[1]), row[2], row[3], row[4]) for row in self.mentions},
            support={(facts[row[0]], row[1], row[2], row[3], row[4]) for row in self.support},
            labels={ids.get(i, i): label for i, label in self.labels.items()},
            ends={facts[i]: ends[i] for i in ends},
            rejected=self.rejected,
        )


def contribution_of(change: DocumentChange) -> Contribution:
    """Reads a change, and refuses one whose parts do not fit together.

    Raises:
        StoreError: A record is of another document or collection, or points to one that is not there.
    """
    _check(change)
    entities, labels = _entities(change.entities)
    ends = {r.id: (r.subject_id, clean(r.type), r.object_id) for r in change.relations}
    held = {m.entity_id for m in change.mentions} | {e for s, _, o in ends.values() for e in (s, o)}
    return Contribution(
        chunks={c.id: _chunk_row(c, change.document.title) for c in change.chunks},
        entities={i: source for i, source in entities.items() if i in held},
        relations=_relations(change.relations),
        mentions={_mention_row(m) for m in change.mentions},
        support={_support_row(r, n) for r in change.relations for n in range(len(r.support))},
        labels=labels,
        ends=ends,
        rejected=tuple(_unheld(source) for i, source in entities.items() if i not in held),
    )


def digest(change: DocumentChange, contribution: Contribution) -> str:
    """Condenses all that a change writes but its time and vectors: an equal digest needs no write."""
    document = change.document
    parts = (
        document.title,
        document.media_type,
        document.content_hash,
        document.text,
        to_json(document.metadata),
        sorted((i, repr(row)) for i, row in contribution.chunks.items()),
        sorted((i, repr(row)) for i, row in contribution.entities.items()),
        sorted((i, repr(row), contribution.ends[i]) for i, row in contribution.relations.items()),
        sorted(contribution.mentions),
        sorted(contribution.support),
    )
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def vectors_of(vectors: Mapping[str, Vector | None], space: Space) -> dict[str, bytes]:
    """Checks vectors and writes them as float32 rows of length 1.

    Raises:
        EmbeddingMismatchError: A vector is missing or has another length than the space.
        StoreError: A vector is zero or not finite.
    """
    if not vectors:
        return {}
    import numpy as np

    for owner, vector in vectors.items():
        if vector is None or np.shape(vector) != (space.dimensions,):
            got = "no vector" if vector is None else f"a vector of shape {np.shape(vector)}"
            raise EmbeddingMismatchError(
                f"{owner} has {got}; {space.model} has {space.dimensions} dimensions. "
                "Give every chunk one vector of the model that is named."
            )
    rows = np.stack([np.asarray(v, dtype=np.float32) for v in vectors.values()])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise StoreError(f"A vector of {space.model} is zero or not finite; expected unit vectors.")
    rows = (rows / norms).astype("<f4")
    return {owner: row.tobytes() for owner, row in zip(vectors, rows, strict=True)}


def _check(change: DocumentChange) -> None:
    document = change.document
    chunks = {c.id for c in change.chunks}
    entities = {e.id for e in change.entities}
    records: tuple[Chunk | Entity | Relation, ...] = (*change.chunks, *change.entities, *change.relations)
    wrong: str | None = None
    if len(chunks) != len(change.chunks):
        wrong = (
            "two chunks have the same id; number their occurrences with chunk_id(document, text, occurrence)"
        )
    elif any(c.document_id != document.id for c in change.chunks):
        wrong = "a chunk belongs to another document"
    elif any(r.collection != document.collection for r in records):
        wrong = f"a record is not in the document's collection {document.collection!r}"
    else:
        wrong = _dangling(change, chunks, entities)
    if wrong:
        raise StoreError(f"{document.uri} cannot be written, and nothing was: {wrong}.")


def _dangling(change: DocumentChange, chunks: set[str], entities: set[str]) -> str | None:
    """Says what points to a record that the change does not have."""
    for mention in change.mentions:
        if mention.chunk_id not in chunks or mention.entity_id not in entities:
            return f"the change lacks the chunk or the entity of a mention: {mention}"
    for relation in change.relations:
        if relation.subject_id not in entities or relation.object_id not in entities:
            return f"the change lacks an end of the relation {relation.id} ({relation.type})"
        if not relation.support:
            return f"the relation {relation.id} ({relation.type}) has no support"
        if not chunks.issuperset(s.chunk_id for s in relation.support):
            return f"the change lacks a chunk that supports the relation {relation.id} ({relation.type})"
    strange = next((m for m in change.mentions if m.kind not in MENTION_KINDS), None)
    if strange:
        return f"a mention is of the kind {strange.kind!r}; expected one of: {', '.join(MENTION_KINDS)}"
    nameless = next((e for e in change.entities if not e.name.strip()), None)
    return f"the entity {nameless.id} has no name" if nameless else _unfit(change)


def _unfit(change: DocumentChange) -> str | None:
    """Says which property has a value that not every store and no JSON can hold."""
    records: tuple[Entity | Relation, ...] = (*change.entities, *change.relations)
    for record in records:
        for key, value in record.properties.items():
            if not isinstance(value, str | int | float) or (isinstance(value, float) and not isfinite(value)):
                what = f"the property {key!r} of {record.id} is {repr(value)[:80]}"
                return f"{what}; properties hold text, numbers and truth values, not NaN or infinity"
    return None


def _chunk_row(chunk: Chunk, title: str) -> ChunkRow:
    return ChunkRow(
        position=chunk.order,
        start=chunk.start,
        stop=chunk.end,
        page=chunk.page,
        headings=to_json(chunk.headings),
        text=clean(chunk.text),
        context=clean("\n".join((title, *chunk.headings))),
    )


def _entities(entities: Iterable[Entity]) -> tuple[dict[str, EntitySource], dict[str, str]]:
    """Groups entities by id; the same id twice is merged as two documents would be."""
    groups: dict[str, list[Entity]] = {}
    labels: dict[str, str] = {}
    for entity in entities:
        groups.setdefault(entity.id, []).append(entity)
        label = clean(entity.label)
        if labels.setdefault(entity.id, label) != label:
            raise StoreError(
                f"{entity.id} has two labels, {labels[entity.id]!r} and {label!r}; nothing was written."
            )
    return {i: _entity_source(group) for i, group in groups.items()}, labels


def _entity_source(same: Sequence[Entity]) -> EntitySource:
    name = most_voted(Counter(_clean_name(e.name) for e in same))
    forms = {_clean_name(form) for e in same for form in (e.name, *e.aliases)}
    return EntitySource(
        name=name,
        aliases=tuple(sorted(form for form in forms if form.strip() and form != name)),
        description=longest(clean(e.description) for e in same),
        properties=merged_properties(to_json(e.properties) for e in same),
    )


def _relations(relations: Iterable[Relation]) -> dict[str, RelationSource]:
    groups: dict[str, list[Relation]] = {}
    for relation in relations:
        groups.setdefault(relation.id, []).append(relation)
    return {
        i: RelationSource(
            description=longest(clean(r.description) for r in same),
            properties=merged_properties(to_json(r.properties) for r in same),
        )
        for i, same in groups.items()
    }


def _mention_row(mention: Mention) -> MentionRow:
    kind = MENTION_KINDS.index(mention.kind)
    return (mention.chunk_id, mention.entity_id, mention.start, mention.end, kind)


def _support_row(relation: Relation, n: int) -> SupportRow:
    support = relation.support[n]
    return (relation.id, support.chunk_id, support.start, support.end, clean(support.quote))


def _clean_name(name: str) -> str:
    return clean(name).replace(ALIAS_SEPARATOR, " ")


def _unheld(source: EntitySource) -> str:
    return f"entity {source.name!r}: no chunk mentions it and no relation names it"
