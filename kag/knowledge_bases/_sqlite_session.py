"""An open embedded store: one thread that writes, so changes queue, and a few that read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import apsw

from kag.errors import StoreReadOnlyError
from kag.knowledge_bases import _sqlite_schema as schema
from kag.knowledge_bases import _sqlite_write as write
from kag.knowledge_bases._sqlite_connection import (
    Reader,
    connect_reader,
    connect_writer,
    our_errors,
    transaction,
)
from kag.knowledge_bases._sqlite_neighbours import Neighbours
from kag.knowledge_bases._vectors_origin import discard_outdated

if TYPE_CHECKING:
    from kag.knowledge_bases._vectors import VectorIndex

_SETTLE_MILLISECONDS = 200  # to wait for readers that still need the log

T = TypeVar("T")


class Session:
    """The connections and threads of an open store.

    Args:
        path: The store's file.
        busy_seconds: How long to wait for another process that writes.
        readers: How many reads run at once.
        read_only: Whether nothing is ever written.
    """

    def __init__(self, path: Path, busy_seconds: float, readers: int, *, read_only: bool) -> None:
        self.path, self.busy_seconds, self.read_only = path, busy_seconds, read_only
        self._vectors: VectorIndex | None = None
        self.reading = ThreadPoolExecutor(max_workers=readers, thread_name_prefix="kag-read")
        self.walking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kag-walk")
        self.neighbours = Neighbours()  # of the walking thread
        self.writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kag-write")
        self._writer: apsw.Connection | None = None
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._open_readers: set[Reader] = set()

    def start(self, *, create: bool, wipe: Sequence[str]) -> None:
        """Opens the file, migrates it where it may be written, and empties collections."""
        if self.read_only:
            reader = connect_reader(self.path, busy_seconds=self.busy_seconds)
            with closing(reader.db):
                schema.require_current(reader.db, self.path)
            return
        with ExitStack() as undo:
            db = undo.enter_context(
                closing(connect_writer(self.path, busy_seconds=self.busy_seconds, create=create))
            )
            if not create:
                schema.check(db, self.path)
            schema.migrate(db, self.path)
            for collection in wipe:
                with transaction(db, "IMMEDIATE"):
                    write.delete_collection(db, collection)
            discard_outdated(db, self.path)
            undo.pop_all()
            self._writer = db

    def vectors(self) -> VectorIndex:
        """The matrices for vector search; numpy is loaded when they are first asked for."""
        from kag.knowledge_bases._vectors import VectorIndex

        with self._lock:
            self._vectors = self._vectors or VectorIndex(self.path)
            return self._vectors

    def stop(self) -> None:
        """Waits for what is running and closes all connections."""
        self.writing.shutdown()
        self.reading.shutdown()
        self.walking.shutdown()
        for reader in self._open_readers:
            reader.db.close()
        if self._writer is not None:
            self._writer.close()

    def read(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Runs a read on this thread's connection, at one moment of the store."""
        with our_errors(self.path):
            db = self._reader().db
            with transaction(db):
                return operation(db)

    def settle(self) -> None:
        """Moves what was written into the file and empties the log beside it, unless readers are in the way.

        Until then the log may hold what was deleted; it is emptied with the next deletion, or when all close.
        """
        if self._writer is None:
            return
        self._writer.set_busy_timeout(_SETTLE_MILLISECONDS)
        try:
            with suppress(apsw.BusyError, apsw.LockedError):
                self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._writer.set_busy_timeout(int(self.busy_seconds * 1000))

    def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Runs a write in one transaction."""
        if self._writer is None:
            raise StoreReadOnlyError(f"{self.path} is open for reading only; open it for writing.")
        with our_errors(self.path):
            with transaction(self._writer, "IMMEDIATE"):
                done = operation(self._writer)
            discard_outdated(self._writer, self.path)
            return done

    def size(self) -> int:
        """Bytes on disk, with what waits to be moved into the file."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _reader(self) -> Reader:
        reader: Reader | None = getattr(self._thread, "reader", None)
        if reader is not None and reader.stale():
            self._open_readers.discard(reader)
            reader.db.close()
            reader = None
        if reader is None:
            reader = connect_reader(self.path, busy_seconds=self.busy_seconds)
            self._open_readers.add(reader)
            self._thread.reader = reader
        return reader
