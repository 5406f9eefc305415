"""What a store is: the one contract that SQLite, Neo4j and Memgraph fulfil.

A store exposes operations, not a query language, and each store writes its own queries. Everything is async,
and takes and returns batches. Names, labels and types that come from documents or models are data: they are
parameters.

A module of this package that is a store has `SCHEMES`, the schemes of the URIs that it serves, and `STORE`,
which makes one of a URI: `STORE(uri, wipe=collections)` empties those collections whenever it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Record,
    Subgraph,
)

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

Kind = Literal["document", "chunk", "entity", "relation"]
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
class VectorSearch:
    """Nearest chunks or entities by cosine.

    Args:
        vector: Unit query vector `(dimensions,)`.
        k: At most so many results.
        collections: Namespaces to look in.
        target: What to find.
        document_ids: Only within these documents, where given.
    """

    vector: Vector
    k: int
    collections: tuple[str, ...]
    target: Literal["chunk", "entity"] = "chunk"
    document_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextSearch:
    """Best matches of words by BM25; `text` is a user's words, never query syntax.

    Args:
        text: The words to look for.
        k: At most so many results.
        collections: Namespaces to look in.
        target: Chunks by text, headings and title; entities by name, aliases and description.
        document_ids: Only within these documents, where given.
        label: Only entities with this label, where given.
    """

    text: str
    k: int
    collections: tuple[str, ...]
    target: Literal["chunk", "entity"] = "chunk"
    document_ids: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """An id and its score; higher is better, always."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class UpsertReport:
    """What a write did. `unchanged` means that the same content was there already and nothing was written.

    `rejected` gives a reason for each entity that was left out, because nothing in the document holds it.
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


class Store(Protocol):
    """A knowledge graph at rest. All methods raise `StoreError` or one of its kinds."""

    uri: str

    async def open(self, *, create: bool = True, read_only: bool = False) -> None:
        """Opens the store; with `create` makes and migrates it where needed.

        Raises:
            StoreNotFoundError: It is not there and `create` is False.
            StoreVersionError: A newer version of the program wrote it.
            StoreCorruptError: It is not a store, or damaged.
        """

    async def close(self) -> None:
        """Closes the store; closing twice is allowed."""

    async def upsert(self, change: DocumentChange, space: Space | None = None) -> UpsertReport:
        """Writes one document's change in one transaction; repeating it changes nothing.

        Chunks that the document had before and has no more go, with the mentions, support, relations and
        entities that nothing else holds. What documents say of one entity is merged without regard to their
        order: it shows the name that most give it, lists the other forms as aliases, and has the longest
        description and the most given value of each property. An entity that no chunk of the document
        mentions and no relation of it names is left out and reported.

        Args:
            change: All of the document's records. Chunks carry embeddings if `space` is given.
            space: Vector space of the embeddings; recorded at the first write.

        Raises:
            EmbeddingMismatchError: The store holds vectors of another space.
            StoreReadOnlyError: It cannot be written.
            StoreLockedError: Another process writes for too long.
        """

    async def delete_document(self, document_id: str) -> DeleteReport:
        """Deletes a document and all that only it supports, in one transaction.

        Raises:
            StoreNotFoundError: There is no such document.
        """

    async def delete_collection(self, collection: str) -> int:
        """Deletes all documents of a collection in one transaction, and returns how many there were."""

    async def get(self, ids: Sequence[str]) -> dict[str, Record]:
        """Fetches records of any kind by id (the id's prefix tells the kind); unknown ids are left out."""

    async def page(
        self, kind: Kind, collections: Sequence[str], *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """Lists records in a stable order, one page at a time.

        Documents come in the order of their URI and carry no text; others in the order of their id.

        Args:
            kind: What to list.
            collections: Namespaces; empty means all.
            after: The id of the last record of the page before.
            limit: At most so many records.
        """

    async def find_documents(self, collections: Sequence[str], uri_or_id: str) -> list[Document]:
        """Finds documents (without text) by id, exact URI, or the end of a URI at a path boundary."""

    async def vector_search(self, search: VectorSearch) -> list[Scored]:
        """Finds the nearest by cosine, best first.

        Raises:
            EmbeddingMismatchError: The vector's length is not the store's.
        """

    async def text_search(self, search: TextSearch) -> list[Scored]:
        """Finds the best by BM25, best first."""

    async def lookup(self, collections: Sequence[str], names: Sequence[str]) -> dict[str, list[Entity]]:
        """Finds entities whose normalised name or alias is that of a name; unknown names are left out."""

    async def mentions(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), max_degree: int | None = None
    ) -> list[Mention]:
        """Fetches the mentions in the given chunks and those of the given entities, as one step of a walk.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            max_degree: Leaves out entities with more chunks than this, when stepping from entities.
        """

    async def expand(
        self,
        entity_ids: Sequence[str],
        *,
        hops: int = 1,
        limit: int = 200,
        relation_types: Sequence[str] = (),
    ) -> Subgraph:
        """Collects what lies within some hops of entities, over relations in both directions.

        Args:
            entity_ids: Where to start.
            hops: 1 to 4.
            limit: At most so many relations; `truncated` says whether there were more.
            relation_types: Only over these types, where given.
        """

    async def statistics(self, collections: Sequence[str] = ()) -> Statistics:
        """Counts what is in the given collections, or in all."""

    async def space(self) -> Space | None:
        """The vector space that is searched, or None while the store holds no vectors."""

    async def unembedded(self, space: Space, *, after: str = "", limit: int = 100) -> list[Chunk]:
        """Lists chunks that have no vector in a space yet, by id: what `set_embeddings` still needs.

        Args:
            space: The space that is being filled.
            after: The id of the last chunk of the page before; an embedded chunk leaves the list by itself.
            limit: At most so many chunks.
        """

    async def set_embeddings(self, space: Space, vectors: Mapping[str, Vector], *, final: bool) -> None:
        """Writes vectors of another space beside the current ones; with `final` the store switches to it.

        Args:
            space: The new space.
            vectors: Chunk or entity id to unit vector; ids that are gone meanwhile are left out.
            final: True with the last batch: from then on only this space is searched, and the old vectors go.

        Raises:
            EmbeddingMismatchError: `final`, but some chunk has no vector in the new space.
        """

    async def save_job(self, job: Job) -> None:
        """Writes a job, replacing what it was."""

    async def jobs(self, job_id: str | None = None) -> list[Job]:
        """Returns one job, or all, newest first."""
