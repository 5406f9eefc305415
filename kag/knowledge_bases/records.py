"""The nodes and edges of the graph as frozen values, and how their stable ids are made.

    (Document)<-[PART_OF]-(Chunk)-[MENTIONS | TITLE]->(Entity)-[<relation type>]->(Entity)
                          (Chunk)-[NEXT]->(Chunk)

Every store writes and returns exactly these. An id begins with its kind (`doc_`, `chk_`, `ent_`, `rel_`), and
is a hash of what makes the thing the same thing, so writing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kag.text import normalise as normalise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

Scalar = str | int | float | bool
MentionKind = Literal["mention", "title"]


@dataclass(frozen=True, slots=True)
class Document:
    """A source text and where it came from.

    Args:
        id: `document_id(collection, uri)`.
        collection: The namespace that it lives in; no query crosses namespaces unasked.
        uri: Where it was read from: an absolute path, a URL, `path#record` or `program:<name>`.
        title: Its own title where it has one, else its file name.
        media_type: Such as `text/markdown`.
        content_hash: Hash of the source bytes (or of the record); equal hashes need no new ingestion.
        text: The full text, into which chunks' spans point.
        ingested_at: ISO 8601 time in UTC.
        metadata: Further facts from the reader, such as `author`, `date`, `pages`.
    """

    id: str
    collection: str
    uri: str
    title: str
    media_type: str
    content_hash: str
    text: str
    ingested_at: str
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: `document.text[start:end] == text` unless the reader says why not.

    Args:
        id: `chunk_id(document_id, text, occurrence)`.
        document_id: The document that it is part of.
        collection: The document's collection.
        order: Its place in the document, from 0.
        text: The passage.
        start: First character in the document's text.
        end: One past the last character.
        page: Page number from 1, where the format has pages.
        headings: The headings above it, outermost first.
        embedding: Unit vector `(dimensions,)`, or None before it is embedded and in most results.
    """

    id: str
    document_id: str
    collection: str
    order: int
    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()
    embedding: Vector | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that chunks speak of.

    Args:
        id: `entity_id(collection, label, name)`.
        collection: Its namespace.
        label: Its type, such as `Person`; the local extractor uses `Name`, `Term` and `Date`.
        name: The form that is shown, as the text writes it.
        aliases: Other forms that mean the same thing.
        description: What the sources say of it, may be empty.
        properties: Typed properties.
        degree: In results: how many chunks mention it. Ignored by writes.
    """

    id: str
    collection: str
    label: str
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    degree: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """A chunk names an entity: at a span of its text, or by its title or heading (`start == end == 0`)."""

    chunk_id: str
    entity_id: str
    start: int = 0
    end: int = 0
    kind: MentionKind = "mention"


@dataclass(frozen=True, slots=True)
class Support:
    """A chunk that states a relation, with the words that do so: `chunk.text[start:end] == quote`."""

    chunk_id: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A typed fact between two entities; it exists only as long as a chunk supports it.

    Args:
        id: `relation_id(subject_id, type, object_id)`.
        collection: Its namespace.
        type: Such as `BORN_IN`; co-occurrence in a sentence is `CO_OCCURS_WITH`.
        subject_id: Entity it starts from.
        object_id: Entity it leads to.
        description: In words, may be empty.
        properties: Typed properties.
        support: The chunks that say so. Never empty in a write.
    """

    id: str
    collection: str
    type: str
    subject_id: str
    object_id: str
    description: str = ""
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    support: tuple[Support, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """All that one document brings; a store writes it at once, in the place of what it brought before."""

    document: Document
    chunks: tuple[Chunk, ...]
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    mentions: tuple[Mention, ...] = ()


Record = Document | Chunk | Entity | Relation


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A piece of the graph: what `expand` returns and what is drawn or exported."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    truncated: bool = False


def document_id(collection: str, uri: str) -> str:
    """Makes the id of the document at a URI."""
    return _id("doc", collection, uri)


def chunk_id(document: str, text: str, occurrence: int = 0) -> str:
    """Makes the id of a chunk from its text: an unchanged passage of a changed document stays the same chunk.

    Args:
        document: The document's id.
        text: The chunk's text.
        occurrence: How many earlier chunks of the document have the very same text.
    """
    return _id("chk", document, text, str(occurrence))


def entity_id(collection: str, label: str, name: str) -> str:
    """Makes the id of an entity from its label and normalised name."""
    return _id("ent", collection, label, normalise(name))


def keyed_id(collection: str, label: str, key: str, value: object) -> str:
    """Makes the id of an entity that its data model tells apart by a key, not by its name.

    Args:
        collection: Its namespace.
        label: Its type.
        key: The field that is the key.
        value: Its JSON value.
    """
    return entity_id(collection, f"{label}\0{key}", json.dumps(value, ensure_ascii=False))


def split_id(entity: str, number: int) -> str:
    """Makes the id of one of several things that have the same label and name.

    Args:
        entity: The id that they share by name.
        number: From 2.
    """
    return _id("ent", entity, str(number))


def relation_id(subject_id: str, type_: str, object_id: str) -> str:
    """Makes the id of a relation from its ends and type."""
    return _id("rel", subject_id, type_, object_id)


def _id(kind: str, *parts: str) -> str:
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12)
    return f"{kind}_{digest.hexdigest()}"
