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
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from kag.knowledge_bases._reports import DeleteReport as DeleteReport
from kag.knowledge_bases._reports import Job as Job
from kag.knowledge_bases._reports import JobState as JobState
from kag.knowledge_bases._reports import Move as Move
from kag.knowledge_bases._reports import Resolution as Resolution
from kag.knowledge_bases._reports import Space as Space
from kag.knowledge_bases._reports import Statement as Statement
from kag.knowledge_bases._reports import Statistics as Statistics
from kag.knowledge_bases._reports import UpsertReport as UpsertReport
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Record,
    Relation,
    Scalar,
    Subgraph,
)
from kag.resolution.base import Decision, Form, Link, LinkSource, Outcome

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

Kind = Literal["document", "chunk", "entity", "relation"]


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """Nearest chunks or entities by cosine.

    Args:
        vector: Unit query vector `(dimensions,)`.
        k: At most so many results.
        collections: Namespaces to look in.
        target: What to find.
        document_ids: Only within these documents, where given.
        label: Only entities with this label, where given.
        properties: Only entities with all these properties, or chunks of documents with all this metadata.
    """

    vector: Vector
    k: int
    collections: tuple[str, ...]
    target: Literal["chunk", "entity"] = "chunk"
    document_ids: tuple[str, ...] = ()
    label: str | None = None
    properties: Mapping[str, Scalar] = field(default_factory=dict)


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
        properties: Only entities with all these properties, or chunks of documents with all this metadata.
    """

    text: str
    k: int
    collections: tuple[str, ...]
    target: Literal["chunk", "entity"] = "chunk"
    document_ids: tuple[str, ...] = ()
    label: str | None = None
    properties: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TripletSearch:
    """Relations by what is known of their ends and type; what is empty is unknown and matches anything.

    Args:
        collections: Namespaces to look in.
        subject_ids: Entities that the relation starts from, one of them.
        object_ids: Entities that it leads to, one of them.
        types: Relation types, one of them.
        subject_label: Label of the entity that it starts from.
        object_label: Label of the entity that it leads to.
        chunk_ids: Chunks that state the relation, one of them.
        limit: At most so many relations.
    """

    collections: tuple[str, ...]
    subject_ids: tuple[str, ...] = ()
    object_ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    subject_label: str | None = None
    object_label: str | None = None
    chunk_ids: tuple[str, ...] = ()
    limit: int = 100


class Neighbour(NamedTuple):
    """The other end of a mention, seen from a chunk or from an entity.

    Args:
        id: Of the entity or chunk at the other end.
        title: Whether the entity is the chunk's title or heading.
        start: Where the chunk's text first mentions the entity; 0 for a title.
        degree: How many chunks mention the entity; 0 where the other end is a chunk.
        label: The entity's label; empty where the other end is a chunk.
    """

    id: str
    title: bool
    start: int
    degree: int
    label: str


@dataclass(frozen=True, slots=True)
class Path:
    """A way: `relations[i]` joins `entity_ids[i]` and `entity_ids[i + 1]`, in one direction or the other."""

    entity_ids: tuple[str, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a read-only query, each as long as `columns`; `truncated` says that there were more.

    Values are JSON values: what a store's own types are (nodes, dates, bytes) is given as text or objects.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """An id and its score; higher is better, always."""

    id: str
    score: float


class Store(Protocol):
    """A knowledge graph at rest. All methods raise `StoreError` or one of its kinds.

    Args:
        uri: Where it is, without credentials.
        query_language: What `read_query` takes: `sql` or `cypher`.
    """

    uri: str
    query_language: Literal["sql", "cypher"]

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

    async def create_collection(self, collection: str) -> bool:
        """Makes an empty collection, which `statistics` lists until it is deleted; False where it is there.

        Writing a document needs no such step: it makes its collection, which goes with its last document.

        Raises:
            StoreError: The name is blank.
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

    async def neighbours(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), most: int = 1000
    ) -> dict[str, tuple[Neighbour, ...]]:
        """Takes one step of a walk: what chunks mention, and where entities are mentioned, each once.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            most: Entities in more chunks than this are left out.

        Returns:
            By the id that was asked for; what has no neighbours is left out.
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

    async def triplets(self, search: TripletSearch) -> list[Relation]:
        """Finds relations by their ends and type, those with the most support first, with their quotes."""

    async def paths(
        self,
        source_ids: Sequence[str],
        target_ids: Sequence[str],
        *,
        max_hops: int = 4,
        limit: int = 10,
        relation_types: Sequence[str] = (),
    ) -> list[Path]:
        """Finds the shortest ways between two groups of entities, over relations in both directions.

        Only ways of the least length are given, those with the most support in sum first, then by the ids of
        their entities, then of their relations; none where the groups are further apart than `max_hops`. An
        entity in both groups is a way of length 0.

        Args:
            source_ids: Where the ways start.
            target_ids: Where they end.
            max_hops: 1 to 6.
            limit: At most so many ways.
            relation_types: Only over these types, where given.
        """

    async def read_query(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        collections: Sequence[str] = (),
        limit: int = 100,
        seconds: float = 10.0,
    ) -> QueryResult:
        """Runs a query of a person or a model that can only read.

        Args:
            query: One statement in `query_language`; anything that could write, reach files or call what is
                not allowed is refused before it runs. On SQLite it sees the documented views only, and those
                only the given collections; in Cypher the collections are the parameter `$collections`.
            parameters: Values of the query's parameters.
            collections: Namespaces that may be read; empty means all.
            limit: At most so many rows.
            seconds: Time after which the query is stopped.

        Raises:
            SearchError: The query is refused, cannot be parsed, or takes too long.
        """

    async def read_change(self, document_id: str) -> tuple[DocumentChange, Space | None]:
        """Reads back what one document brought, as it was written: `upsert` into another store copies it.

        Raises:
            StoreNotFoundError: There is no such document.
        """

    async def embeddings(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Fetches the vectors of chunks and entities in the space that is searched; others are left out."""

    async def check(self) -> list[str]:
        """Verifies that the store is whole; each string names one thing that is not; none is well."""

    async def backup(self, target: str) -> None:
        """Writes a consistent copy to a file while others read and write, where the store can.

        Raises:
            StoreError: The target exists already, cannot be written, or the store has its own tools for this.
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

    async def set_links(self, links: Sequence[Link]) -> tuple[Move, ...]:
        """Records what people or models decided about forms, and resolves what that touches.

        Links outlive the documents: they may name forms that are not there yet, or no more. The link of a
        source between two forms replaces the earlier one. With `different` and `document_ids`, what these
        documents say of the first form belongs to the second: `kag.knowledge_bases.records.split_id`
        makes an id for it.

        Returns:
            The forms that are part of another entity now.

        Raises:
            StoreError: A link joins a form with itself, forms of two collections or labels that are known to
                differ where it splits, or has documents and says `same`.
        """

    async def remove_links(
        self, pairs: Sequence[tuple[str, str]], source: LinkSource | None = None
    ) -> tuple[Move, ...]:
        """Takes links back, of one source or of all; the graph is then as if they had never been.

        Returns:
            The forms that are part of another entity now.

        Raises:
            StoreNotFoundError: Nothing links one of the pairs; nothing is taken back.
        """

    async def links(self, ids: Sequence[str] = ()) -> list[Link]:
        """Lists the links that name one of some forms, or all, by their ids."""

    async def decisions(
        self,
        collections: Sequence[str],
        *,
        outcome: Outcome | None = None,
        ids: Sequence[str] = (),
        after: Decision | None = None,
        limit: int = 100,
    ) -> list[Decision]:
        """Lists what was decided about pairs of forms, with the evidence, best first, one page at a time.

        With the outcome `review` it is the queue: pairs that no link has decided, and that are not one entity
        by other ways; merges that were held back come with the reason as `held`. Pairs that have nothing in
        common are not kept.

        Args:
            collections: Namespaces; empty means all.
            outcome: Only these, where given.
            ids: Only pairs with one of these entities or forms, where given.
            after: The last one of the page before.
            limit: At most so many.
        """

    async def forms(self, entity_ids: Sequence[str]) -> dict[str, list[Form]]:
        """Fetches the forms that entities are made of, the leading one first; unknown ids are left out."""

    async def statements(self, entity_ids: Sequence[str]) -> dict[str, list[Statement]]:
        """Fetches what each document says of entities, by document and form; unknown ids are left out."""
