"""Puts together what was found in one document: each entity once, under one label, with stable ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from ingest.extractors._coreference import Place, leading_names
from ingest.extractors.base import Extraction
from kag.knowledge_bases.records import (
    Chunk,
    Entity,
    Mention,
    MentionKind,
    Relation,
    Support,
    entity_id,
    normalise,
    relation_id,
)

_key = lru_cache(maxsize=65_536)(normalise)
_WEAKEST = ("Term", "Name")  # labels that give way to any other, the weaker first


class Assembly:
    """Collects the entities, mentions and relations of one document; an entity is known by normalised name.

    The local extractor and a language model both find `Marie Curie`; she becomes one entity, with the label
    that says most.

    Args:
        collection: The document's collection.
    """

    def __init__(self, collection: str) -> None:
        self.collection = collection
        self._entities: dict[str, _Draft] = {}
        self._mentions: dict[Place, None] = {}
        self._chunks: dict[str, Chunk] = {}
        self._relations: dict[tuple[str, str, str], _Fact] = {}

    def entity(self, name: str, label: str, *, aliases: Iterable[str] = (), description: str = "") -> str:
        """Adds an entity, or adds to it.

        Returns:
            Its key within this assembly: the normalised name.
        """
        key = _key(name)
        draft = self._entities.setdefault(key, _Draft(name))
        draft.add(label, (name, *aliases), description)
        return key

    def has(self, name: str) -> bool:
        """Whether there is an entity of that name."""
        return _key(name) in self._entities

    def mention(
        self, chunk: Chunk, key: str, start: int = 0, end: int = 0, kind: MentionKind = "mention"
    ) -> None:
        """Adds a mention; adding it twice changes nothing."""
        self._chunks[chunk.id] = chunk
        self._mentions[chunk.id, key, start, end, kind] = None

    def relation(
        self,
        subject: str,
        type_: str,
        object_: str,
        chunk: Chunk,
        span: tuple[int, int],
        description: str = "",
    ) -> None:
        """Adds a fact with the words of the chunk that state it, unless its ends are the same entity."""
        if subject == object_:
            return
        start, end = span
        fact = self._relations.setdefault((subject, type_, object_), _Fact())
        fact.description = max(fact.description, description, key=len)
        fact.support[Support(chunk.id, chunk.text[start:end], start, end)] = None

    def build(
        self, *, dropped_quotes: int = 0, failed_chunks: tuple[tuple[str, str], ...] = ()
    ) -> Extraction:
        """Gives all that was added, with ids; names that mean the same thing are one entity."""
        self._resolve()
        ids = {
            key: entity_id(self.collection, draft.label, draft.name) for key, draft in self._entities.items()
        }
        return Extraction(
            entities=tuple(draft.entity(ids[key], self.collection) for key, draft in self._entities.items()),
            mentions=tuple(
                Mention(chunk, ids[key], start, end, kind) for chunk, key, start, end, kind in self._mentions
            ),
            relations=tuple(self._relation(ids, *ends, fact) for ends, fact in self._relations.items()),
            dropped_quotes=dropped_quotes,
            failed_chunks=failed_chunks,
        )

    def _resolve(self) -> None:
        """Makes names that mean the same thing in this document one entity, under the fullest of them."""
        names = {key: (draft.name, draft.label, draft.aliases) for key, draft in self._entities.items()}
        leading = leading_names(names, self._mentions, self._chunks.values())
        for key, head in leading.items():
            if key != head:
                self._entities[head].take(self._entities.pop(key))
        self._mentions = dict.fromkeys(
            (chunk, leading[key], start, end, kind) for chunk, key, start, end, kind in self._mentions
        )
        relations, self._relations = self._relations, {}
        for (subject, type_, object_), fact in relations.items():
            ends = leading[subject], leading[object_]
            if ends[0] != ends[1]:
                self._relations.setdefault((ends[0], type_, ends[1]), _Fact()).take(fact)

    def _relation(self, ids: dict[str, str], subject: str, type_: str, object_: str, fact: _Fact) -> Relation:
        return Relation(
            id=relation_id(ids[subject], type_, ids[object_]),
            collection=self.collection,
            type=type_,
            subject_id=ids[subject],
            object_id=ids[object_],
            description=fact.description,
            support=tuple(fact.support),
        )


class _Draft:
    """An entity in the making."""

    def __init__(self, name: str) -> None:
        self.name, self.description = name, ""
        self.labels: Counter[str] = Counter()
        self.forms: dict[str, str] = {}

    @property
    def label(self) -> str:
        """The label that says most; among equals the one given most often, then the first."""
        return max(self.labels, key=lambda label: (_strength(label), self.labels[label]))

    def add(self, label: str, forms: Iterable[str], description: str) -> None:
        self.labels[label] += 1
        for form in forms:
            self.forms.setdefault(_key(form), form)
        self.description = max(self.description, description, key=len)

    def take(self, other: _Draft) -> None:
        """Takes over what was found under another name."""
        self.labels.update(other.labels)
        self.forms = {**other.forms, **self.forms}
        self.description = max(self.description, other.description, key=len)

    @property
    def aliases(self) -> tuple[str, ...]:
        own = _key(self.name)
        return tuple(form for key, form in self.forms.items() if key != own)

    def entity(self, id_: str, collection: str) -> Entity:
        return Entity(id_, collection, self.label, self.name, self.aliases, self.description)


class _Fact:
    """A relation in the making."""

    def __init__(self) -> None:
        self.description = ""
        self.support: dict[Support, None] = {}

    def take(self, other: _Fact) -> None:
        """Adds another fact between the same ends."""
        self.description = max(self.description, other.description, key=len)
        self.support.update(other.support)


def _strength(label: str) -> int:
    return _WEAKEST.index(label) if label in _WEAKEST else len(_WEAKEST)
