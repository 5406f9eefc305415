"""Where an embedded store's file is, and the door to it: opened at its first use, once, and closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from kag.errors import ConfigurationError, StoreError, StoreReadOnlyError
from kag.knowledge_bases._sqlite_connection import our_errors
from kag.knowledge_bases._sqlite_session import Session

FILE_NAME = "kag.db"
_SUFFIXES = (".db", ".sqlite", ".sqlite3")  # of paths that name a file, even before there is one

T = TypeVar("T")


class Access:
    """Runs work on an embedded store's file in the threads of its session.

    Args:
        uri: Where it is, as `locate` takes it.
        wipe: Collections that are emptied whenever it is opened.
        busy_seconds: How long to wait for another process that writes.
        readers: How many reads run at once.
    """

    def __init__(self, uri: str, wipe: tuple[str, ...], busy_seconds: float, readers: int) -> None:
        self.uri, self.wipe, self.busy_seconds, self.readers = uri, wipe, busy_seconds, readers
        self._session: Session | None = None
        self._closed = False
        self._opening = threading.Lock()

    async def open(self, *, create: bool, read_only: bool) -> None:
        """Opens the file; opening what is open changes nothing."""
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
        """Closes the file; closing twice is allowed."""
        session, self._session, self._closed = self._session, None, True
        if session is not None:
            await asyncio.to_thread(session.stop)

    async def ready(self) -> Session:
        """The open session; it opens for writing where it was never opened.

        Raises:
            StoreError: It was closed.
        """
        session = self._session
        if session is None:
            if self._closed:
                raise self._is_closed()
            session = await asyncio.to_thread(self._open, True, False)
        return session

    async def read(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Runs a read at one moment of the store."""
        session = await self.ready()
        return await self.run(session.reading, session.read, operation)

    async def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Runs a write in one transaction."""
        session = await self.ready()
        return await self.run(session.writing, session.write, operation)

    async def settle(self) -> None:
        """Empties the log beside the file, so that what was deleted is nowhere any more."""
        session = await self.ready()
        await self.run(session.writing, lambda _: session.settle(), lambda _: None)

    async def run(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[Callable[[apsw.Connection], T]], T],
        operation: Callable[[apsw.Connection], T],
    ) -> T:
        """Runs an operation in some of the session's threads."""
        try:
            running = threads.submit(work, operation)
        except RuntimeError as error:  # closed between being ready and now
            raise self._is_closed() from error
        return await asyncio.wrap_future(running)

    def _is_closed(self) -> StoreError:
        return StoreError(f"{self.uri} is closed; open it again to use it.")


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
