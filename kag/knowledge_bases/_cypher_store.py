"""A store on a graph server that is asked over Bolt, in Cypher: what Neo4j and Memgraph share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kag.errors import (
    StoreError,
    StoreNotFoundError,
    StoreReadOnlyError,
    StoreVersionError,
)
from kag.knowledge_bases import _cypher_decisions as origins
from kag.knowledge_bases import _cypher_read as read
from kag.knowledge_bases import _cypher_relink as relink
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases import _cypher_write as write
from kag.knowledge_bases._bolt import Address, Bolt, Transaction, closed
from kag.knowledge_bases._cypher_change import read_change
from kag.knowledge_bases._cypher_check import check
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_query import read_query
from kag.knowledge_bases._cypher_search import named, text_search, vector_search
from kag.knowledge_bases._cypher_spaces import current_space, embeddings, set_embeddings
from kag.knowledge_bases._cypher_walk import expand, neighbours, paths, triplets
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._resolution import settings_of
from kag.knowledge_bases.base import (
    DeleteReport,
    Job,
    Kind,
    Move,
    Neighbour,
    Path,
    QueryResult,
    Resolution,
    Scored,
    Space,
    Statement,
    Statistics,
    TextSearch,
    TripletSearch,
    UpsertReport,
    VectorSearch,
)
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Record,
    Relation,
    Subgraph,
)
from kag.resolution.base import Decision, Form, Link, LinkSource, Outcome

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

SCHEMA_VERSION = 1
T = TypeVar("T")


class CypherStore:
    """A store on a graph server; it fulfils the `Store` contract and opens by itself at its first use.

    Args:
        where: The server.
        dialect: Makes what speaks the server's own way.
        wipe: Collections that are emptied whenever the store is opened.
        busy_seconds: How long to go on trying where others write, or the server is away for a moment.
        ontology: What data models allow; what they do not is left out of writes and reported.
        resolution: `on`, `off`, or thresholds, for how names become entities; None leaves it as it is in the
            store, which is on from the start.

    Raises:
        ConfigurationError: `resolution` is none of these.
    """

    query_language: Literal["cypher"] = "cypher"

    def __init__(
        self,
        where: Address,
        dialect: Callable[[], Dialect],
        *,
        wipe: Sequence[str],
        busy_seconds: float,
        ontology: Ontology | None,
        resolution: Resolution | str | None,
    ) -> None:
        self.resolution = settings_of(resolution)
        self.ontology = ontology
        self.uri = where.shown
        self.wipe = tuple(wipe)
        self.where = where
        self.busy_seconds = busy_seconds
        self._make_dialect = dialect
        self._dialect = dialect()
        self._bolt: Bolt | None = None
        self._closed = False
        self._opening = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    async def open(self, *, create: bool = True, read_only: bool = False) -> None:
        """Opens the store; with `create` makes it where it is not. Opening an open store changes nothing.

        Raises:
            StoreError: The server cannot be reached, or refuses the user or the password.
            StoreNotFoundError: There is no such database; or no store in it, and `create` is False or
                `read_only` is True.
            StoreVersionError: A newer version of the program wrote it, or the server is too old.
        """
        await asyncio.to_thread(self._open, create, read_only)

    def _open(self, create: bool, read_only: bool) -> Bolt:
        with self._opening:
            if self._bolt is None:
                if read_only and self.wipe:
                    raise StoreReadOnlyError(
                        f"{self.uri} is to be emptied at its start; open it for writing."
                    )
                bolt, dialect = (
                    Bolt(self.where, busy_seconds=self.busy_seconds, read_only=read_only),
                    self._make_dialect(),
                )
                try:
                    bolt.call_and_wait(self._start(bolt, dialect, create=create and not read_only))
                except BaseException:
                    bolt.stop()
                    raise
                self._bolt, self._dialect, self._closed = bolt, dialect, False
            elif self._bolt.read_only != read_only:
                raise StoreError(f"{self.uri} is open already, for other access; close it first.")
            return self._bolt

    async def _start(self, bolt: Bolt, dialect: Dialect, *, create: bool) -> None:
        bolt.prefix = dialect.prefix
        await bolt.connect()
        await dialect.detect(bolt)
        found = await bolt.read(lambda tx: tx.one(statements.META))
        if found is None and not create:
            raise StoreNotFoundError(
                f"{self.uri} holds no store yet; `kag ingest PATH` with this knowledge base fills it."
            )
        if found is not None and found[0] > SCHEMA_VERSION:
            raise StoreVersionError(
                f"{self.uri} was written by a newer version of KAG: its schema is {found[0]}, this one knows "
                f"up to {SCHEMA_VERSION}; nothing was changed. Upgrade kag-server, or use another database."
            )
        if not bolt.read_only:
            await dialect.prepare(bolt)
            await bolt.write(lambda tx: tx.rows(statements.CREATE_META, version=SCHEMA_VERSION))
        for collection in self.wipe:
            await write.delete_collection(bolt, collection)

    async def close(self) -> None:
        """Closes the store; closing twice is allowed. It can be opened again."""
        bolt, self._bolt, self._closed = self._bolt, None, True
        if bolt is not None:
            await asyncio.to_thread(bolt.stop)

    async def upsert(self, change: DocumentChange, space: Space | None = None) -> UpsertReport:
        """Writes one document's change in one transaction; repeating it changes nothing.

        Args:
            change: All of the document's records.
            space: Vector space of the chunks' embeddings; recorded at the first write.

        Raises:
            StoreError: The change does not fit together.
            EmbeddingMismatchError: The store holds vectors of another space, or a chunk lacks its vector.
        """
        item = await asyncio.to_thread(write.DocumentWrite, change, space, self.ontology, self.resolution)
        bolt = await self._ready()
        if bolt.read_only:
            raise StoreReadOnlyError(f"{self.uri} is open for reading only; open it for writing.")
        return await bolt.call(item.run(bolt, self._dialect))

    async def delete_document(self, document_id: str) -> DeleteReport:
        """Deletes a document and all that only it supports, in one transaction.

        Raises:
            StoreNotFoundError: There is no such document.
        """
        return await self._write(lambda tx: write.delete_document(tx, self._dialect, document_id))

    async def create_collection(self, collection: str) -> bool:
        """Makes an empty collection, which `statistics` lists until it is deleted; False where it is there.

        Raises:
            StoreError: The name is blank.
        """
        return await self._write(lambda tx: write.create_collection(tx, collection))

    async def delete_collection(self, collection: str) -> int:
        """Deletes all documents of a collection, and returns how many there were.

        It is one transaction up to some thousand records. A larger collection first leaves all searches and
        counts, then goes step by step, since a server's memory bounds what one transaction may change.
        """
        bolt = await self._ready()
        return await bolt.call(write.delete_collection(bolt, collection))

    async def get(self, ids: Sequence[str]) -> dict[str, Record]:
        """Fetches records of any kind by id, in the order asked for; unknown ids are left out."""
        return await self._read(lambda tx: read.get(tx, ids))

    async def page(
        self, kind: Kind, collections: Sequence[str], *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """Lists records one page at a time: documents by URI and without text, others by id.

        Args:
            kind: What to list.
            collections: Namespaces; empty means all.
            after: The id of the last record of the page before.
            limit: At most so many records.

        Raises:
            StoreNotFoundError: `after` names a document that is gone.
        """
        return await self._read(lambda tx: read.page(tx, kind, collections, after, limit))

    async def find_documents(self, collections: Sequence[str], uri_or_id: str) -> list[Document]:
        """Finds documents (without text) by id, exact URI, or else the end of a URI at a path boundary."""
        return await self._read(lambda tx: read.find_documents(tx, collections, uri_or_id))

    async def vector_search(self, search: VectorSearch) -> list[Scored]:
        """Finds the nearest by cosine, best first; exactly in a small store, else by the server's index.

        Raises:
            EmbeddingMismatchError: The vector's length is not the store's.
        """
        return await self._read(lambda tx: vector_search(tx, self._dialect, search))

    async def text_search(self, search: TextSearch) -> list[Scored]:
        """Finds the best by BM25, best first; headings, titles and names count more than text."""
        return await self._read(lambda tx: text_search(tx, self._dialect, search))

    async def lookup(self, collections: Sequence[str], names: Sequence[str]) -> dict[str, list[Entity]]:
        """Finds entities by normalised name or alias, most mentioned first; unknown names are left out."""

        async def work(tx: Transaction) -> dict[str, list[Entity]]:
            found = await named(tx, self._dialect, names)
            return await read.lookup(tx, found, collections, names)

        return await self._read(work)

    async def mentions(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), max_degree: int | None = None
    ) -> list[Mention]:
        """Fetches the mentions in the given chunks and those of the given entities, each once.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            max_degree: Leaves out entities with more chunks than this, when stepping from entities.
        """
        return await self._read(lambda tx: read.mentions(tx, chunk_ids, entity_ids, max_degree))

    async def neighbours(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), most: int = 1000
    ) -> dict[str, tuple[Neighbour, ...]]:
        """Takes one step of a walk: what chunks mention, and where entities are mentioned, each once.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            most: Entities in more chunks than this are left out.
        """
        return await self._read(lambda tx: neighbours(tx, chunk_ids, entity_ids, most))

    async def expand(
        self,
        entity_ids: Sequence[str],
        *,
        hops: int = 1,
        limit: int = 200,
        relation_types: Sequence[str] = (),
    ) -> Subgraph:
        """Collects what lies within some hops of entities, nearer and better supported relations first.

        Each relation comes with at most ten of its supporting quotes; `get` gives them all.

        Args:
            entity_ids: Where to start.
            hops: 1 to 4.
            limit: At most so many relations; `truncated` says whether there were more.
            relation_types: Only over these types, where given.

        Raises:
            SearchError: `hops` or `limit` is out of range.
        """
        return await self._read(lambda tx: expand(tx, entity_ids, hops, limit, relation_types))

    async def triplets(self, search: TripletSearch) -> list[Relation]:
        """Finds relations by their ends and type, those with the most support first, with their quotes.

        Raises:
            SearchError: The limit is negative.
        """
        return await self._read(lambda tx: triplets(tx, search))

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

        Args:
            source_ids: Where the ways start.
            target_ids: Where they end.
            max_hops: 1 to 6.
            limit: At most so many ways.
            relation_types: Only over these types, where given.

        Raises:
            SearchError: `max_hops` or `limit` is out of range.
        """
        return await self._read(lambda tx: paths(tx, source_ids, target_ids, max_hops, limit, relation_types))

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
            query: One statement in Cypher; anything that could write or reach files is refused.
            parameters: Values of the query's parameters.
            collections: The parameter `$collections`; the names of all where it is empty.
            limit: At most so many rows.
            seconds: Time after which the server stops the query.

        Raises:
            SearchError: The query is refused, cannot be parsed, or takes too long.
        """
        bolt = await self._ready()
        return await bolt.call(read_query(bolt, query, dict(parameters or {}), collections, limit, seconds))

    async def read_change(self, document_id: str) -> tuple[DocumentChange, Space | None]:
        """Reads back what one document brought, as it was written: `upsert` into another store copies it.

        Raises:
            StoreNotFoundError: There is no such document.
        """
        return await self._read(lambda tx: read_change(tx, document_id))

    async def embeddings(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Fetches the vectors of chunks and entities in the space that is searched; others are left out."""
        return await self._read(lambda tx: embeddings(tx, ids))

    async def check(self) -> list[str]:
        """Verifies that the store is whole; each string names one thing that is not; none is well."""
        return await self._read(check)

    async def backup(self, target: str) -> None:
        """Always refuses: a server has its own tools for this.

        Raises:
            StoreError: Always; the message names the tools.
        """
        raise StoreError(f"{self.uri} is not copied to {target!r}: {self._dialect.backup_advice}")

    async def statistics(self, collections: Sequence[str] = ()) -> Statistics:
        """Counts what is in the given collections, or in all; `size_bytes` is of texts and vectors alone."""
        return await self._read(lambda tx: read.statistics(tx, collections))

    async def space(self) -> Space | None:
        """The vector space that is searched, or None while the store holds no vectors."""
        return await self._read(current_space)

    async def unembedded(self, space: Space, *, after: str = "", limit: int = 100) -> list[Chunk]:
        """Lists chunks that have no vector in a space yet, by id: what `set_embeddings` still needs."""
        return await self._read(lambda tx: read.unembedded(tx, space, after, limit))

    async def set_embeddings(self, space: Space, vectors: Mapping[str, Vector], *, final: bool) -> None:
        """Writes vectors beside the current ones; with `final` the store switches to their space at once.

        Args:
            space: Their space; that of the store adds to it.
            vectors: Chunk or entity id to unit vector; ids that are gone meanwhile are left out.
            final: True with the last batch: only this space is searched from then on, and the old vectors go.

        Raises:
            EmbeddingMismatchError: `final`, but some chunk has no vector there; nothing is written.
        """
        bolt = await self._ready()
        resolve = partial(relink.resolve_near, dialect=self._dialect, space=space)
        await bolt.call(
            set_embeddings(bolt, self._dialect, space, vectors, final, lambda tx, ids: resolve(tx, ids=ids))
        )

    async def save_job(self, job: Job) -> None:
        """Writes a job, replacing what it was."""
        await self._write(lambda tx: write.save_job(tx, job))

    async def jobs(self, job_id: str | None = None) -> list[Job]:
        """Returns one job, or all, newest first."""
        return await self._read(lambda tx: read.jobs(tx, job_id))

    async def set_links(self, links: Sequence[Link]) -> tuple[Move, ...]:
        """Records what people or models decided about forms, and resolves what that touches.

        Raises:
            StoreError: Something cannot be a link; nothing is recorded.
        """
        await self._prepare()
        return await self._write(lambda tx: relink.set_links(tx, self._dialect, links))

    async def remove_links(
        self, pairs: Sequence[tuple[str, str]], source: LinkSource | None = None
    ) -> tuple[Move, ...]:
        """Takes links back, of one source or of all; the graph is then as if they had never been.

        Raises:
            StoreNotFoundError: Nothing links one of the pairs; nothing is taken back.
        """
        await self._prepare()
        return await self._write(lambda tx: relink.remove_links(tx, self._dialect, pairs, source))

    async def links(self, ids: Sequence[str] = ()) -> list[Link]:
        """Lists the links that name one of some forms, or all, by their ids."""
        return await self._read(lambda tx: origins.links(tx, ids))

    async def decisions(
        self,
        collections: Sequence[str],
        *,
        outcome: Outcome | None = None,
        ids: Sequence[str] = (),
        after: Decision | None = None,
        limit: int = 100,
    ) -> list[Decision]:
        """Lists what was decided about pairs of forms, with the evidence, best first, one page at a time."""
        return await self._read(lambda tx: origins.decisions(tx, collections, outcome, ids, after, limit))

    async def forms(self, entity_ids: Sequence[str]) -> dict[str, list[Form]]:
        """Fetches the forms that entities are made of, the leading one first; unknown ids are left out."""
        return await self._read(lambda tx: origins.forms(tx, entity_ids))

    async def statements(self, entity_ids: Sequence[str]) -> dict[str, list[Statement]]:
        """Fetches what each document says of entities, by document and form; unknown ids are left out."""
        return await self._read(lambda tx: origins.statements_of(tx, entity_ids))

    async def _prepare(self) -> None:
        """Resolves anew what was resolved by other settings."""
        bolt = await self._ready()
        if not bolt.read_only:
            await bolt.call(relink.prepare(bolt, self._dialect, "", self.resolution, None))

    async def _ready(self) -> Bolt:
        bolt = self._bolt
        if bolt is None:
            if self._closed:
                raise closed(self.where)
            bolt = await asyncio.to_thread(self._open, True, False)
        return bolt

    async def _read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        bolt = await self._ready()
        return await bolt.call(bolt.read(work))

    async def _write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        bolt = await self._ready()
        return await bolt.call(bolt.write(work))
