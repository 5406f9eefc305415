"""The embedded store: a knowledge graph in one SQLite file, with nothing to install or to run.

Any number of processes may read while one writes; writers wait their turn. All blocking work runs in threads
of the store's own: one that writes, so changes queue, and a few that read, each with a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kag.errors import StoreReadOnlyError
from kag.knowledge_bases import _sqlite_collections as collections_
from kag.knowledge_bases import _sqlite_decisions as origins
from kag.knowledge_bases import _sqlite_read as read
from kag.knowledge_bases import _sqlite_relink as relink
from kag.knowledge_bases import _sqlite_write as write
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._resolution import settings_of
from kag.knowledge_bases._sqlite_access import Access, locate
from kag.knowledge_bases._sqlite_backup import backup
from kag.knowledge_bases._sqlite_change import embeddings, read_change
from kag.knowledge_bases._sqlite_check import check
from kag.knowledge_bases._sqlite_expand import expand
from kag.knowledge_bases._sqlite_links import list_links
from kag.knowledge_bases._sqlite_paths import paths
from kag.knowledge_bases._sqlite_query import read_query
from kag.knowledge_bases._sqlite_text import text_search
from kag.knowledge_bases._sqlite_triplets import triplets
from kag.knowledge_bases.base import (
    DeleteReport,
    Job,
    Kind,
    Move,
    Neighbour,
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
from kag.knowledge_bases.base import Path as GraphPath
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

SCHEMES = ("", "sqlite")  # of the URIs that this store serves; a path has none


class EmbeddedStore:
    """A store in one SQLite file; it fulfils the `Store` contract and opens by itself at its first use.

    Args:
        uri: A folder, which then holds `kag.db`; the path of a file that exists or ends in `.db` or
            `.sqlite`; or `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`.
        wipe: Collections that are emptied whenever the store is opened.
        ontology: What data models declare; None goes by what the store was written with.
        resolution: `on`, `off`, or thresholds, for how names become entities; None leaves it as it is in the
            store, which is `on` in a new one. Another choice resolves the store anew at its first write.
        busy_seconds: How long to wait for another process that writes.
        readers: How many reads run at once.

    Example:
        >>> store = EmbeddedStore("my-folder")
        >>> await store.open()
        >>> report = await store.upsert(change, space)
        >>> await store.close()
    """

    query_language: Literal["sql", "cypher"] = "sql"

    def __init__(
        self,
        uri: str | Path,
        *,
        wipe: Sequence[str] = (),
        ontology: Ontology | None = None,
        resolution: Resolution | str | None = None,
        busy_seconds: float = 10.0,
        readers: int = 4,
    ) -> None:
        self.uri = str(uri)
        self.ontology = ontology
        self.resolution = settings_of(resolution)
        self._prepared: set[str] = set()
        self._file = Access(self.uri, tuple(wipe), busy_seconds, readers)
        self._read, self._write = self._file.read, self._file.write

    async def open(self, *, create: bool = True, read_only: bool = False) -> None:
        """Opens the store; with `create` makes it where it is not. Opening an open store changes nothing.

        Raises:
            StoreNotFoundError: It is not there and `create` is False, or `read_only` is True.
            StoreVersionError: A newer version of the program wrote it.
            StoreCorruptError: The file is not a store, or damaged.
            StoreReadOnlyError: It cannot be written and `read_only` is False.
        """
        await self._file.open(create=create, read_only=read_only)

    async def close(self) -> None:
        """Closes the store; closing twice is allowed. It can be opened again."""
        self._prepared.clear()
        await self._file.close()

    async def upsert(self, change: DocumentChange, space: Space | None = None) -> UpsertReport:
        """Writes one document's change in one transaction; repeating it changes nothing.

        An entity shows the name that most documents give it, lists the other forms as aliases, and has the
        longest description and the most given value of each property, whatever the order in which documents
        came.

        Args:
            change: All of the document's records.
            space: Vector space of the chunks' embeddings; recorded at the first write.

        Raises:
            StoreError: The change does not fit together.
            EmbeddingMismatchError: The store holds vectors of another space, or a chunk lacks its vector.
        """
        item = await asyncio.to_thread(write.DocumentWrite, change, space, self.ontology)
        session = await self._file.ready()
        if session.read_only:
            raise StoreReadOnlyError(f"{self.uri} is open for reading only; open it for writing.")
        await self._prepare(change.document.collection)
        if await self._read(item.is_stored):
            return UpsertReport(change.document.id, unchanged=True, chunks_kept=len(change.chunks))
        return await self._write(item.run)

    async def delete_document(self, document_id: str) -> DeleteReport:
        """Deletes a document and all that only it supports, in one transaction.

        Raises:
            StoreNotFoundError: There is no such document.
        """
        await self._prepare()
        report = await self._write(lambda db: write.delete_document(db, document_id))
        await self._file.settle()
        return report

    async def create_collection(self, collection: str) -> bool:
        """Makes an empty collection, which is listed until it is deleted; False where it is there already.

        Raises:
            StoreError: The name is blank.
        """
        return await self._write(lambda db: collections_.create_collection(db, collection))

    async def delete_collection(self, collection: str) -> int:
        """Deletes all documents of a collection in one transaction, and returns how many there were."""
        deleted = await self._write(lambda db: collections_.delete_collection(db, collection))
        await self._file.settle()
        return deleted

    async def get(self, ids: Sequence[str]) -> dict[str, Record]:
        """Fetches records of any kind by id, in the order asked for; unknown ids are left out."""
        return await self._read(lambda db: read.get(db, ids))

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
        return await self._read(lambda db: read.page(db, kind, collections, after, limit))

    async def find_documents(self, collections: Sequence[str], uri_or_id: str) -> list[Document]:
        """Finds documents (without text) by id, exact URI, or else the end of a URI at a path boundary."""
        return await self._read(lambda db: read.find_documents(db, collections, uri_or_id))

    async def vector_search(self, search: VectorSearch) -> list[Scored]:
        """Finds the nearest by cosine, exactly, best first.

        Raises:
            EmbeddingMismatchError: The vector's length is not the store's.
        """
        session = await self._file.ready()
        return await self._read(lambda db: session.vectors().search(db, search))

    async def text_search(self, search: TextSearch) -> list[Scored]:
        """Finds the best by BM25, best first; headings, titles and names count more than text."""
        return await self._read(lambda db: text_search(db, search))

    async def lookup(self, collections: Sequence[str], names: Sequence[str]) -> dict[str, list[Entity]]:
        """Finds entities by normalised name or alias, most mentioned first; unknown names are left out."""
        return await self._read(lambda db: read.lookup(db, collections, names))

    async def mentions(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), max_degree: int | None = None
    ) -> list[Mention]:
        """Fetches the mentions in the given chunks and those of the given entities, each once.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            max_degree: Leaves out entities with more chunks than this, when stepping from entities.
        """
        return await self._read(lambda db: read.mentions(db, chunk_ids, entity_ids, max_degree))

    async def neighbours(
        self, *, chunk_ids: Sequence[str] = (), entity_ids: Sequence[str] = (), most: int = 1000
    ) -> dict[str, tuple[Neighbour, ...]]:
        """Takes one step of a walk: what chunks mention, and where entities are mentioned, each once.

        Args:
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            most: Entities in more chunks than this are left out.
        """
        session = await self._file.ready()
        return await self._file.run(
            session.walking,
            session.read,
            lambda db: session.neighbours.find(db, chunk_ids, entity_ids, most),
        )

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
        return await self._read(lambda db: expand(db, entity_ids, hops, limit, relation_types))

    async def triplets(self, search: TripletSearch) -> list[Relation]:
        """Finds relations by their ends and type, those with the most support first, then by id.

        Each comes with at most ten of its supporting quotes; `get` gives them all.

        Raises:
            SearchError: The limit is negative.
        """
        return await self._read(lambda db: triplets(db, search))

    async def paths(
        self,
        source_ids: Sequence[str],
        target_ids: Sequence[str],
        *,
        max_hops: int = 4,
        limit: int = 10,
        relation_types: Sequence[str] = (),
    ) -> list[GraphPath]:
        """Finds the shortest ways between two groups of entities, over relations in both directions.

        Those with the most support in sum come first, then by the ids of their entities and relations.

        Args:
            source_ids: Where the ways start.
            target_ids: Where they end.
            max_hops: 1 to 6.
            limit: At most so many ways.
            relation_types: Only over these types, where given.

        Raises:
            SearchError: `max_hops` or `limit` is out of range, or a million entities lie between the groups.
        """
        return await self._read(lambda db: paths(db, source_ids, target_ids, max_hops, limit, relation_types))

    async def read_query(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        collections: Sequence[str] = (),
        limit: int = 100,
        seconds: float = 10.0,
    ) -> QueryResult:
        """Runs one SELECT over the documented views, and nothing else.

        The views are `collections`, `documents`, `chunks`, `entities`, `aliases`, `relations`, `mentions` and
        `support`; a refusal lists their columns.

        Args:
            query: One SELECT.
            parameters: Values of `:name`; a list becomes JSON text for `json_each(:name)`.
            collections: Namespaces that the views show; empty means all.
            limit: At most so many rows, 1 to 10,000.
            seconds: Time after which the query is stopped.

        Raises:
            SearchError: The query is refused, cannot be parsed, or takes too long or too much.

        Example:
            >>> result = await store.read_query("SELECT label, count(*) AS n FROM entities GROUP BY label")
        """
        session = await self._file.ready()
        return await self._read(
            lambda db: read_query(
                db, session.path, query, parameters, collections=collections, limit=limit, seconds=seconds
            )
        )

    async def read_change(self, document_id: str) -> tuple[DocumentChange, Space | None]:
        """Reads back what one document brought; writing it again changes nothing.

        Raises:
            StoreNotFoundError: There is no such document.
        """
        return await self._read(lambda db: read_change(db, document_id))

    async def embeddings(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Fetches the vectors of chunks and entities in the space that is searched; others are left out."""
        return await self._read(lambda db: embeddings(db, ids))

    async def check(self) -> list[str]:
        """Verifies that the file, its references, its indexes and its counts are whole; none is well.

        In a store that is open for writing the text indexes are compared with the texts word by word too,
        and other writers wait so long.
        """
        session = await self._file.ready()
        return await self._read(
            lambda _: check(session.path, busy_seconds=session.busy_seconds, write=not session.read_only)
        )

    async def backup(self, target: str) -> None:
        """Copies one moment of the store while others read and write; the copy appears when it is whole.

        Args:
            target: A folder (the copy is `kag.db` in it) or a file that does not exist yet.

        Raises:
            StoreError: It exists already, or cannot be written.
        """
        await self._read(lambda db: backup(db, locate(target)))

    async def statistics(self, collections: Sequence[str] = ()) -> Statistics:
        """Counts what is in the given collections, or in all; as quick in a large store as in a small one."""
        session = await self._file.ready()
        return await self._read(lambda db: read.statistics(db, collections, session.size()))

    async def space(self) -> Space | None:
        """The vector space that is searched, or None while the store holds no vectors."""
        return await self._read(read.space)

    async def unembedded(self, space: Space, *, after: str = "", limit: int = 100) -> list[Chunk]:
        """Lists chunks that have no vector in a space yet, by id: what `set_embeddings` still needs."""
        return await self._read(lambda db: read.unembedded(db, space, after, limit))

    async def set_embeddings(self, space: Space, vectors: Mapping[str, Vector], *, final: bool) -> None:
        """Writes vectors beside the current ones; with `final` the store switches to their space at once.

        Args:
            space: Their space; that of the store adds to it.
            vectors: Chunk or entity id to unit vector; ids that are gone meanwhile are left out.
            final: True with the last batch: only this space is searched from then on, and the old vectors go.

        Raises:
            EmbeddingMismatchError: `final`, but some chunk has no vector there; nothing is written.
        """
        await self._prepare()
        await self._write(lambda db: write.set_embeddings(db, space, vectors, final=final))

    async def save_job(self, job: Job) -> None:
        """Writes a job, replacing what it was."""
        await self._write(lambda db: write.save_job(db, job))

    async def jobs(self, job_id: str | None = None) -> list[Job]:
        """Returns one job, or all, newest first."""
        return await self._read(lambda db: read.jobs(db, job_id))

    async def set_links(self, links: Sequence[Link]) -> tuple[Move, ...]:
        """Records what people or models decided about forms, and resolves what that touches.

        Raises:
            StoreError: Something cannot be a link; nothing is recorded.
        """
        await self._prepare()
        return await self._write(lambda db: relink.set_links(db, links))

    async def remove_links(
        self, pairs: Sequence[tuple[str, str]], source: LinkSource | None = None
    ) -> tuple[Move, ...]:
        """Takes links back, of one source or of all; the graph is then as if they had never been.

        Raises:
            StoreNotFoundError: Nothing links one of the pairs; nothing is taken back.
        """
        await self._prepare()
        return await self._write(lambda db: relink.remove_links(db, pairs, source))

    async def links(self, ids: Sequence[str] = ()) -> list[Link]:
        """Lists the links that name one of some forms, or all, by their ids."""
        return await self._read(lambda db: list_links(db, ids))

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
        return await self._read(lambda db: origins.decisions(db, collections, outcome, ids, after, limit))

    async def forms(self, entity_ids: Sequence[str]) -> dict[str, list[Form]]:
        """Fetches the forms that entities are made of, the leading one first; unknown ids are left out."""
        return await self._read(lambda db: origins.forms(db, entity_ids))

    async def statements(self, entity_ids: Sequence[str]) -> dict[str, list[Statement]]:
        """Fetches what each document says of entities, by document and form; unknown ids are left out."""
        return await self._read(lambda db: origins.statements(db, entity_ids))

    async def _prepare(self, collection: str = "") -> None:
        """Resolves anew, at the first write, a store that was resolved by other settings."""
        if collection in self._prepared:
            return
        wanted = (self.resolution, collection, self.ontology if collection else None)
        if not await self._read(lambda db: relink.is_prepared(db, *wanted)):
            await self._write(lambda db: relink.prepare(db, *wanted))
        self._prepared.add(collection)


STORE = EmbeddedStore  # what `KnowledgeBase` builds for these schemes
