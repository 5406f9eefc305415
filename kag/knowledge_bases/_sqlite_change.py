"""Reads back what one document brought, as it was written, so that it can be written elsewhere."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import apsw

from kag.errors import StoreNotFoundError
from kag.knowledge_bases import _sqlite_records as records
from kag.knowledge_bases._contribution import MENTION_KINDS, ChunkRow, Contribution
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_document import contributed
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases._sqlite_vectors import current_space
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.records import Chunk, Document, DocumentChange, Entity, Mention, Relation, Support

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector


def read_change(db: apsw.Connection, document_id: str) -> tuple[DocumentChange, Space | None]:
    """Reads a document with its chunks in order, and what it says of entities and relations by id.

    The space is that of the chunks' vectors; None where they have none, or not all of them.

    Raises:
        StoreNotFoundError: There is no such document.
    """
    document = records.documents(db, [document_id]).get(document_id)
    if document is None:
        raise StoreNotFoundError(
            f"There is no document {document_id!r}; `kag documents list` shows those there are."
        )
    held = contributed(db, select_value(db, "SELECT rid FROM document WHERE id = ?", (document_id,)))
    current = current_space(db)
    vectors = embeddings(db, held.chunks)
    complete = current is not None and len(vectors) == len(held.chunks)
    change = DocumentChange(
        document=document,
        chunks=_chunks(document, held.chunks, vectors if complete else {}),
        entities=_entities(document.collection, held),
        relations=_relations(document.collection, held),
        mentions=tuple(
            Mention(c, e, start, stop, MENTION_KINDS[kind])
            for c, e, start, stop, kind in sorted(held.mentions)
        ),
    )
    return change, current[1] if current and complete else None


def embeddings(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Vector]:
    """Fetches the vectors of chunks and entities in the space that is searched; others are left out."""
    current = current_space(db)
    if current is None:
        return {}
    import numpy as np

    wanted = as_json(ids)
    found = (
        row
        for table, vectors in (("chunk", "chunk"), ("entity", "entity"), ("form", "entity"))
        for row in select(
            db,
            f"SELECT t.id, v.data FROM json_each(?) j CROSS JOIN {table} t ON t.id = j.value "
            f"CROSS JOIN {vectors}_vector v ON v.owner = t.rid AND v.space = ?",
            (wanted, current[0]),
        )
    )
    return {i: np.frombuffer(data, dtype="<f4").astype(np.float32) for i, data in found}


def _chunks(
    document: Document, rows: Mapping[str, ChunkRow], vectors: Mapping[str, Vector]
) -> tuple[Chunk, ...]:
    found = (
        Chunk(
            id=i,
            document_id=document.id,
            collection=document.collection,
            order=row.position,
            text=row.text,
            start=row.start,
            end=row.stop,
            page=row.page,
            headings=tuple(json.loads(row.headings)),
            embedding=vectors.get(i),
        )
        for i, row in rows.items()
    )
    return tuple(sorted(found, key=lambda chunk: (chunk.order, chunk.id)))


def _entities(collection: str, held: Contribution) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            i,
            collection,
            held.labels[i],
            said.name,
            said.aliases,
            said.description,
            json.loads(said.properties),
        )
        for i, said in sorted(held.entities.items())
    )


def _relations(collection: str, held: Contribution) -> tuple[Relation, ...]:
    support: dict[str, list[Support]] = {}
    for relation, chunk, start, stop, quote in sorted(held.support):
        support.setdefault(relation, []).append(Support(chunk, quote, start, stop))
    return tuple(
        Relation(
            i,
            collection,
            type_,
            subject,
            other,
            held.relations[i].description,
            json.loads(held.relations[i].properties),
            tuple(support.get(i, ())),
        )
        for i, (subject, type_, other) in sorted(held.ends.items())
    )
