"""The embedded store: a knowledge graph in one SQLite file, with nothing to install or to run.

Any number of processes may read while one writes; writers wait their turn. All blocking work runs in threads
of the store's own: one that writes, so changes queue, and a few that read, each with a connection of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import apsw

from kag.errors import ConfigurationError, StoreError, StoreReadOnlyError
from kag.knowledge_bases import _sqlite_read as read
from kag.knowledge_bases import _sqlite_write as write
from kag.knowledge_bases._sqlite_connection import our_errors
from kag.knowledge_bases._sqlite_expand import expand
from kag.knowledge_bases._sqlite_session import Session
from kag.knowledge_bases._sqlite_text import text_search
from kag.knowledge_bases.base import (
    DeleteReport,
    Job,
    Kind,
    Scored,
    Space,
    Statistics,
    TextSearch,
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
    Subgraph,
)

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

SCHEMES = ("", "sqlite")  # of the URIs that this store serves; a path has none
FILE_NAME = "kag.db"
_SUFFIXES = (".db", ".sqlite", ".sqlite3")  # of paths that name a file, even before there is one

T = TypeVar("T")


class EmbeddedStore:
    """A store in one SQLite file; it fulfils the `Store` contract and opens by itself at its first use.

    Args:
        uri: A folder, which then holds `kag.db`; the path of a file that exists or ends in `.db` or
            `.sqlite`; or `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`.
        wipe: Collections that are emptied whenever the store is opened.
        busy_seconds: How long to wait for another process that writes.
        readers: How many reads run at once.

    Example:
        >>> store = EmbeddedStore("my-folder")
        >>> await store.open()
        >>> report = await store.upsert(change, space)
        >>> await store.close()
    """

    def __init__(
        self, uri: str | Path, *, wipe: Sequence[str] = (), busy_seconds: float = 10.0, readers: int = 4
    ) -> None:
        self.uri = str(uri)
        self.wipe = tuple(wipe)
        self.busy_seconds = busy_seconds
        self.readers = readers
        self._session: Session | None = None
        self._closed = False
        self._opening = threading.Lock()

    async def open(self, *, create: bool = True, read_only: bool = False) -> None:
        """Opens the store; with `create` makes it where it is not. Opening an open store changes nothing.

        Raises:
            StoreNotFoundError: It is not there and `create` is False, or `read_only` is True.
            StoreVersionError: A newer version of the program wrote it.
            StoreCorruptError: The file is not a store, or damaged.
            StoreReadOnlyError: It cannot be written and `read_only` is False.
        """
        await asyncio.to_thread(self._open, create, read_only)

    def _open(self, create: bool, read_only: bool) -> Session:
        with self._opening:
            if self._session is None:
                if read_only and self.wipe:
                    raise StoreReadOnlyError(
                        f"{self.uri} is to be emptied at its start; open it for writing."
                    )
                path = locate(self.uri)
                session = Session(path, self.busy_seconds, self.readers, read_only=read_only)
                with our_errors(path):
                    session.start(create=create, wipe=self.wipe)
                self._session, self._closed = session, False
            elif self._session.read_only != read_only:
                raise StoreError(f"{self.uri} is open already, for other access; close it first.")
            return self._session

    async def close(self) -> None:
        """Closes the store; closing twice is allowed. It can be opened again."""
        session, self._session, self._closed = self._session, None, True
        if session is not None:
            await asyncio.to_thread(session.stop)

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
        item = await asyncio.to_thread(write.DocumentWrite, change, space)
        session = await self._ready()
        if session.read_only:
            raise StoreReadOnlyError(f"{self.uri} is open for reading only; open it for writing.")
        if await self._read(item.is_stored):
            return UpsertReport(change.document.id, unchanged=True, chunks_kept=len(change.chunks))
        return await self._write(item.run)

    async def delete_document(self, document_id: str) -> DeleteReport:
        """Deletes a document and all that only it supports, in one transaction.

        Raises:
            StoreNotFoundError: There is no such document.
        """
        return await self._write(lambda db: write.delete_document(db, document_id))

    async def delete_collection(self, collection: str) -> int:
        """Deletes all documents of a collection in one transaction, and returns how many there were."""
        return await self._write(lambda db: write.delete_collection(db, collection))

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
        session = await self._ready()
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

    async def statistics(self, collections: Sequence[str] = ()) -> Statistics:
        """Counts what is in the given collections, or in all; as quick in a large store as in a small one."""
        session = await self._ready()
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
        await self._write(lambda db: write.set_embeddings(db, space, vectors, final=final))

    async def save_job(self, job: Job) -> None:
        """Writes a job, replacing what it was."""
        await self._write(lambda db: write.save_job(db, job))

    async def jobs(self, job_id: str | None = None) -> list[Job]:
        """Returns one job, or all, newest first."""
        return await self._read(lambda db: read.jobs(db, job_id))

    async def _ready(self) -> Session:
        session = self._session
        if session is None:
            if self._closed:
                raise self._is_closed()
            session = await asyncio.to_thread(self._open, True, False)
        return session

    async def _read(self, operation: Callable[[apsw.Connection], T]) -> T:
        session = await self._ready()
        return await self._run(session.reading, session.read, operation)

    async def _write(self, operation: Callable[[apsw.Connection], T]) -> T:
        session = await self._ready()
        return await self._run(session.writing, session.write, operation)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[Callable[[apsw.Connection], T]], T],
        operation: Callable[[apsw.Connection], T],
    ) -> T:
        try:
            running = threads.submit(work, operation)
        except RuntimeError as error:  # closed between being ready and now
            raise self._is_closed() from error
        return await asyncio.wrap_future(running)

    def _is_closed(self) -> StoreError:
        return StoreError(f"{self.uri} is closed; open it again to use it.")


STORE = EmbeddedStore  # what `KnowledgeBase` builds for these schemes


def locate(uri: str) -> Path:
    """Finds the file that a URI means.

    Raises:
        ConfigurationError: It is not a path and not `sqlite:///...`.
    """
    scheme, separator, rest = uri.partition("://")
    if separator:
        if scheme != "sqlite" or not rest.startswith("/") or rest == "/":
            raise ConfigurationError(
                f"{uri!r} names no store; expected a folder, sqlite:///relative/path.db or "
                "sqlite:////absolute/path.db."
            )
        uri = rest[1:]
    if not uri.strip() or "\0" in uri or uri == ":memory:":
        raise ConfigurationError(f"{uri!r} names no store; expected a folder or a file.")
    path = Path(uri).expanduser()
    try:
        is_file = path.is_file() or (path.suffix in _SUFFIXES and not path.is_dir())
    except OSError as error:
        raise ConfigurationError(f"{uri[:80]!r} names no store: {error.strerror or error}.") from error
    return (path if separator or is_file else path / FILE_NAME).absolute()
