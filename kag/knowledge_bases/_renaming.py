"""Moves what documents say into another collection: every id becomes the one that it would have there."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Relation,
    chunk_id,
    document_id,
    entity_id,
    keyed_id,
    relation_id,
    split_id,
)
from kag.resolution.base import Link

_MOST_SPLITS = 1000  # things that one name stands for


@dataclass(frozen=True, slots=True)
class Renaming:
    """Moves changes into another collection, and notes what every id has become.

    Args:
        collection: Its name; empty leaves changes as they are.
        ids: Old ids of forms to new ones, as far as they were met.
        documents: The same of documents.
    """

    collection: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)

    def of(self, change: DocumentChange) -> DocumentChange:
        """The same change in the other collection, with the ids that it has there."""
        if not self.collection:
            self.ids.update({e.id: e.id for e in change.entities})
            return change
        document = self._document(change.document)
        self.documents[change.document.id] = document.id
        chunks = self._chunks(change.document.id, document.id, change.chunks)
        self.ids.update({e.id: self._entity_id(e) for e in change.entities})
        here = self.collection
        return DocumentChange(
            document=document,
            chunks=tuple(
                replace(c, id=chunks[c.id], document_id=document.id, collection=here) for c in change.chunks
            ),
            entities=tuple(replace(e, id=self.ids[e.id], collection=here) for e in change.entities),
            relations=tuple(self._relation(r, chunks) for r in change.relations),
            mentions=tuple(
                replace(m, chunk_id=chunks[m.chunk_id], entity_id=self.ids[m.entity_id])
                for m in change.mentions
            ),
        )

    def links(self, links: Sequence[Link]) -> list[Link]:
        """The same links in the other collection, once all changes went through `of`."""
        if not self.collection:
            return list(links)
        parents = {link.second: link.first for link in links if link.document_ids}
        return [
            replace(
                link,
                first=self._form(link.first, parents),
                second=self._form(link.second, parents),
                document_ids=tuple(self.documents.get(i) or self._other("doc", i) for i in link.document_ids),
            )
            for link in links
        ]

    def _form(self, old: str, parents: Mapping[str, str]) -> str:
        """The new id of a form; one that documents were split to has it by the name that they share."""
        if old not in self.ids and old in parents:
            parent = parents[old]
            number = next((n for n in range(2, _MOST_SPLITS) if split_id(parent, n) == old), 0)
            if number:
                self.ids[old] = split_id(self._form(parent, parents), number)
        return self.ids.get(old) or self._other("ent", old)

    def _document(self, document: Document) -> Document:
        usual = document_id(document.collection, document.uri)
        made = document_id(self.collection, document.uri)
        new = made if document.id == usual else self._other("doc", document.id)
        return replace(document, id=new, collection=self.collection)

    def _chunks(self, old: str, new: str, chunks: Sequence[Chunk]) -> dict[str, str]:
        seen: Counter[str] = Counter()
        found = {}
        for chunk in chunks:
            n = seen[chunk.text]
            seen[chunk.text] += 1
            same = chunk.id == chunk_id(old, chunk.text, n)
            found[chunk.id] = chunk_id(new, chunk.text, n) if same else self._other("chk", chunk.id)
        return found

    def _entity_id(self, entity: Entity) -> str:
        """The id that the same name, or the same key among the properties, makes in the other collection."""
        label = entity.label
        for name in (entity.name, *entity.aliases):
            if entity.id == entity_id(entity.collection, label, name):
                return entity_id(self.collection, label, name)
        for key, value in entity.properties.items():
            if entity.id == keyed_id(entity.collection, label, key, value):
                return keyed_id(self.collection, label, key, value)
        return self._other("ent", entity.id)

    def _relation(self, relation: Relation, chunks: Mapping[str, str]) -> Relation:
        subject, other = self.ids[relation.subject_id], self.ids[relation.object_id]
        usual = relation_id(relation.subject_id, relation.type, relation.object_id)
        made = relation_id(subject, relation.type, other)
        return replace(
            relation,
            id=made if relation.id == usual else self._other("rel", relation.id),
            collection=self.collection,
            subject_id=subject,
            object_id=other,
            support=tuple(replace(s, chunk_id=chunks[s.chunk_id]) for s in relation.support),
        )

    def _other(self, kind: str, old: str) -> str:
        """An id that was not made in the usual way keeps being one of its own."""
        made = hashlib.blake2b(f"{self.collection}\0{old}".encode(), digest_size=12)
        return f"{kind}_{made.hexdigest()}"
