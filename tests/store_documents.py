"""Documents for tests of stores, written as their sentences: `[names]` in brackets are entities.

    document("a.md", "[Ada Lovelace] wrote to [Charles Babbage].", "Nobody is named here.")

Each sentence is a chunk. Names in one sentence are mentions with their spans, and each is related to the next
by `CO_OCCURS_WITH`, with the sentence as the quote. Vectors depend on nothing but the text.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kag import discover
from kag.knowledge_bases.base import Space, Store
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Relation,
    Support,
    chunk_id,
    document_id,
    entity_id,
    relation_id,
)

SPACE = Space("test/eight", 8)
_SHARED = {"knowledge_base", "records"}  # public modules of the package that are not stores
STORES = [name for name in discover.names("kag.knowledge_bases") if name not in _SHARED]
_MARK = re.compile(r"\[([^\]]*)\]", re.DOTALL)


def vector(text: str, dimensions: int = SPACE.dimensions) -> NDArray[np.float32]:
    """A unit vector that depends on the text only."""
    seed = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
    values = np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)
    return values / np.linalg.norm(values)


def document(
    uri: str,
    *sentences: str,
    collection: str = "default",
    title: str = "",
    headings: Sequence[str] = (),
    label: str = "Name",
    relation: str = "CO_OCCURS_WITH",
    said: Mapping[str, Mapping[str, Any]] | None = None,
    embedded: bool = True,
) -> DocumentChange:
    """Builds a document's change.

    Args:
        uri: Its URI.
        sentences: Its chunks, entities in brackets.
        collection: Its namespace.
        title: Its title, by default the URI.
        headings: Above every chunk.
        label: Of every entity.
        relation: Type of every relation.
        said: Name to further fields of that entity, such as `description`.
        embedded: Whether the chunks have vectors, in `SPACE`.
    """
    identity = document_id(collection, uri)
    chunks: list[Chunk] = []
    entities: dict[str, Entity] = {}
    mentions: list[Mention] = []
    relations: dict[str, Relation] = {}
    seen: Counter[str] = Counter()
    position = 0
    for order, sentence in enumerate(sentences):
        text = _MARK.sub(lambda m: m[1], sentence)
        chunk = Chunk(
            id=chunk_id(identity, text, seen[text]),
            document_id=identity,
            collection=collection,
            order=order,
            text=text,
            start=position,
            end=position + len(text),
            headings=tuple(headings),
            embedding=vector(text) if embedded else None,
        )
        seen[text] += 1
        chunks.append(chunk)
        position += len(text) + 1
        here: list[str] = []
        for shift, mark in enumerate(_MARK.finditer(sentence)):
            name = mark[1]
            entity = Entity(entity_id(collection, label, name), collection, label, name)
            entities[entity.id] = replace(entity, **dict((said or {}).get(name, {})))
            start = mark.start() - 2 * shift
            mentions.append(Mention(chunk.id, entity.id, start, start + len(name)))
            here.append(entity.id)
        for subject, other in pairwise(here):
            key = relation_id(subject, relation, other)
            support = Support(chunk.id, text, 0, len(text))
            before = relations[key].support if key in relations else ()
            relations[key] = Relation(
                key, collection, relation, subject, other, support=tuple(dict.fromkeys((*before, support)))
            )
    text = "\n".join(c.text for c in chunks)
    return DocumentChange(
        document=Document(
            id=identity,
            collection=collection,
            uri=uri,
            title=title or uri,
            media_type="text/plain",
            content_hash=hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest(),
            text=text,
            ingested_at="2026-01-02T03:04:05Z",
        ),
        chunks=tuple(chunks),
        entities=tuple(entities.values()),
        relations=tuple(relations.values()),
        mentions=tuple(dict.fromkeys(mentions)),
    )


def entity(name: str, *, collection: str = "default", label: str = "Name") -> str:
    """The id of an entity as `document` makes it."""
    return entity_id(collection, label, name)


async def everything(store: Store) -> dict[str, Any]:
    """All that a store shows of itself, in an order that does not depend on how it came there."""
    kinds = ("document", "chunk", "entity", "relation")
    pages = {kind: await all_pages(store, kind) for kind in kinds}
    chunks = [record.id for record in pages["chunk"]]
    mentions = await store.mentions(chunk_ids=chunks)
    statistics = await store.statistics()
    return {
        **{kind: [repr(record) for record in records] for kind, records in pages.items()},
        "degrees": {record.id: record.degree for record in pages["entity"]},
        "texts": [repr(record) for record in (await store.get([d.id for d in pages["document"]])).values()],
        "mentions": sorted(map(repr, mentions)),
        "statistics": repr(replace(statistics, size_bytes=0)),
    }


async def all_pages(store: Store, kind: Any, collections: Sequence[str] = (), limit: int = 7) -> list[Any]:
    """All records of a kind, fetched page by page."""
    found: list[Any] = []
    while page := await store.page(kind, collections, after=found[-1].id if found else "", limit=limit):
        found += page
    return found
