"""Reads back what one document brought to a graph server: its own records, not the merged ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kag.errors import StoreNotFoundError
from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._contribution import MENTION_KINDS, Contribution
from kag.knowledge_bases._cypher_document import held_by
from kag.knowledge_bases._cypher_links import read_links
from kag.knowledge_bases._cypher_read import documents
from kag.knowledge_bases._cypher_spaces import current_space, embeddings
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Relation,
    Support,
)

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector


async def read_change(tx: Transaction, document_id: str) -> tuple[DocumentChange, Space | None]:
    """Reads what one document brought, and the space of its vectors where all its chunks have one.

    Raises:
        StoreNotFoundError: There is no such document.
    """
    wanted = clean(document_id)
    document = (await documents(tx, [wanted])).get(wanted)
    if document is None:
        raise StoreNotFoundError(
            f"There is no document {document_id!r}; `kag documents list` shows those there are."
        )
    splits = (await read_links(tx)).splits_of(wanted)
    held = (await held_by(tx, wanted)).renamed({other: form for form, other in splits.items()})
    space = await current_space(tx)
    vectors = await embeddings(tx, list(held.chunks))
    whole = bool(held.chunks) and vectors.keys() >= held.chunks.keys()
    return _change(document, held, vectors if whole else {}), space if whole else None


def _change(document: Document, held: Contribution, vectors: dict[str, Vector]) -> DocumentChange:
    return DocumentChange(
        document=document,
        chunks=_chunks(document, held, vectors),
        entities=tuple(
            Entity(
                id=i,
                collection=document.collection,
                label=held.labels[i],
                name=said.name,
                aliases=said.aliases,
                description=said.description,
                properties=json.loads(said.properties),
            )
            for i, said in sorted(held.entities.items())
        ),
        relations=_relations(document, held),
        mentions=tuple(
            Mention(chunk, entity, start, end, MENTION_KINDS[kind])
            for chunk, entity, start, end, kind in sorted(held.mentions)
        ),
    )


def _chunks(document: Document, held: Contribution, vectors: dict[str, Vector]) -> tuple[Chunk, ...]:
    chunks = (
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
        for i, row in held.chunks.items()
    )
    return tuple(sorted(chunks, key=lambda chunk: (chunk.order, chunk.id)))


def _relations(document: Document, held: Contribution) -> tuple[Relation, ...]:
    support: dict[str, list[Support]] = {}
    for relation, chunk, start, end, quote in sorted(held.support):
        support.setdefault(relation, []).append(Support(chunk, quote, start, end))
    return tuple(
        Relation(
            id=i,
            collection=document.collection,
            type=held.ends[i][1],
            subject_id=held.ends[i][0],
            object_id=held.ends[i][2],
            description=said.description,
            properties=json.loads(said.properties),
            support=tuple(support.get(i, ())),
        )
        for i, said in sorted(held.relations.items())
    )
