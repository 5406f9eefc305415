"""The connection to a graph server: one pooled driver for each store, its transactions, its errors as ours.

The driver lives on an event loop in a thread of its own. So a store can be used from any event loop, one
after the other or at once, and packing large messages does not hold up the caller's loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from kag.errors import (
    ConfigurationError,
    KagError,
    SearchError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreNotFoundError,
    StoreReadOnlyError,
)
from kag.knowledge_bases._values import clean

if TYPE_CHECKING:
    from neo4j import AsyncDriver, AsyncManagedTransaction, AsyncTransaction

T = TypeVar("T")
Row = list[Any]
Work = Callable[["Transaction"], Awaitable[T]]

_CONNECT_SECONDS = 10.0
_LARGEST_POOL = 16


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and who asks; the credentials are in no text that it makes.

    Args:
        uri: What the driver connects to.
        shown: What messages show: as it was given, without credentials.
        auth: User and password, or None for a server without authentication.
        database: The database, or None for the user's own.
    """

    uri: str
    shown: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    database: str | None = None


def address(
    uri: str,
    prefix: str,
    schemes: Mapping[str, str],
    given: tuple[str | None, str | None, str | None],
) -> Address:
    """Reads a URI such as `neo4j://user:password@host:7687/database`.

    Args:
        uri: The URI; a path, or `?database=`, names the database.
        prefix: Of the environment variables that fill what is missing: `NEO4J` or `MEMGRAPH`.
        schemes: Scheme to the one that the driver knows.
        given: User, password and database from arguments; None where they were not given.

    Raises:
        ConfigurationError: It is no such URI, or has a user without a password.
    """
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  raises where the port is none
    except ValueError as error:
        raise ConfigurationError(
            f"The URI of the {next(iter(schemes))}:// server cannot be read ({error})."
        ) from None
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme.lower() not in schemes or not parts.hostname:
        raise ConfigurationError(
            f"{parts.scheme}://{host} names no server; expected {next(iter(schemes))}://host:7687."
        )
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    named = parts.path.strip("/") or next((value for name, value in pairs if name == "database"), None)
    rest = urlencode([(name, value) for name, value in pairs if name != "database"])
    user, password, database = given
    user = user or unquote(parts.username or "") or os.environ.get(f"{prefix}_USERNAME")
    password = password or unquote(parts.password or "") or os.environ.get(f"{prefix}_PASSWORD")
    if bool(user) != bool(password):
        have, lack = ("user", "password") if user else ("password", "user")
        raise ConfigurationError(
            f"{host} got a {have} without a {lack}; give both in the URI, as arguments, or in "
            f"{prefix}_USERNAME and {prefix}_PASSWORD."
        )
    scheme = parts.scheme.lower()
    return Address(
        uri=urlunsplit((schemes[scheme], host, "", rest, "")),
        shown=urlunsplit((scheme, host, parts.path, "", "")),
        auth=(user, password) if user and password else None,
        database=database or named or os.environ.get(f"{prefix}_DATABASE") or None,
    )


class Transaction:
    """One transaction: statements with parameters in, lists of rows out.

    Args:
        driven: The driver's transaction.
        prefix: What stands before each statement that does not begin so itself, such as `CYPHER 5 `.
    """

    def __init__(self, driven: AsyncManagedTransaction | AsyncTransaction, prefix: str) -> None:
        self._driven, self._prefix = driven, prefix

    async def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """Runs a statement and fetches all its rows."""
        prefix = "" if statement.startswith("CYPHER ") else self._prefix
        result = await self._driven.run(prefix + statement, parameters)
        return await result.values()

    async def many(self, statement: str, **parameters: Any) -> list[Row]:
        """Fetches rows as one list, which the driver reads several times as fast; they come in no order."""
        found = await self.rows(_as_one_list(statement), **parameters)
        rows: list[Row] = found[0][0] if found else []
        return rows

    async def one(self, statement: str, **parameters: Any) -> Row | None:
        """Runs a statement and returns its first row, or None where there is none."""
        found = await self.rows(statement, **parameters)
        return found[0] if found else None

    async def each(self, statement: str, rows: list[Any], *, batch: int = 1000, **parameters: Any) -> None:
        """Runs a statement on rows, batch by batch, as its parameter `$rows`."""
        for start in range(0, len(rows), batch):
            await self.rows(statement, rows=rows[start : start + batch], **parameters)


@lru_cache(maxsize=256)
def _as_one_list(statement: str) -> str:
    """A statement that returns rows without order, changed to return a list of them."""
    head, _, columns = statement.rpartition("RETURN ")
    distinct = "DISTINCT " if columns.startswith("DISTINCT ") else ""
    return f"{head}RETURN collect({distinct}[{columns.removeprefix('DISTINCT ')}])"


class Bolt:
    """An open connection to a graph server; made by `start`, ended by `stop`.

    Args:
        where: The server.
        busy_seconds: How long a transaction is repeated after errors that pass.
        read_only: Whether nothing is ever written.
    """

    def __init__(self, where: Address, *, busy_seconds: float, read_only: bool) -> None:
        self.where, self.busy_seconds, self.read_only = where, busy_seconds, read_only
        self.prefix = ""
        self._driver: AsyncDriver | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kag-bolt", daemon=True)
        self._thread.start()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs work on the driver's own loop."""
        try:
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:  # closed between being ready and now
            work.close()
            raise closed(self.where) from error
        return await asyncio.wrap_future(running)

    def call_and_wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs work on the driver's own loop, from a thread without one."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def connect(self) -> None:
        """Opens the driver, and finds out whether the server answers and lets us in."""
        from neo4j import AsyncGraphDatabase, NotificationMinimumSeverity

        logging.getLogger("neo4j").addHandler(logging.NullHandler())  # not to stderr, where nobody set it up
        self._driver = AsyncGraphDatabase.driver(
            self.where.uri,
            auth=self.where.auth,
            max_connection_pool_size=_LARGEST_POOL,
            connection_timeout=_CONNECT_SECONDS,
            connection_acquisition_timeout=60.0,
            max_transaction_retry_time=self.busy_seconds,
            liveness_check_timeout=30.0,
            keep_alive=True,
            user_agent="kag-server",
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )
        await self.command("RETURN 1")

    def stop(self) -> None:
        """Closes the driver and ends its loop; called from a thread without a loop."""
        self.call_and_wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._driver is not None:
            await self._driver.close()

    async def read(self, work: Work[T]) -> T:
        """Runs reads in one transaction, repeated after errors that pass."""
        with our_errors(self.where):
            async with self._session(writes=False) as session:
                found: T = await session.execute_read(lambda tx: work(Transaction(tx, self.prefix)))
                return found

    async def write(self, work: Work[T]) -> T:
        """Runs writes in one transaction, all or nothing, repeated after errors that pass."""
        if self.read_only:
            raise StoreReadOnlyError(f"{self.where.shown} is open for reading only; open it for writing.")
        with our_errors(self.where):
            async with self._session(writes=True) as session:
                done: T = await session.execute_write(lambda tx: work(Transaction(tx, self.prefix)))
                return done

    async def command(self, statement: str, **parameters: Any) -> list[Row]:
        """Runs a statement that makes its own transaction, such as one that makes an index."""
        with our_errors(self.where):
            async with self._session(writes=not self.read_only) as session:
                result = await session.run(self.prefix + statement, parameters)
                rows: list[Row] = await result.values()
                return rows

    async def query(
        self, statement: str, parameters: Mapping[str, Any], most: int, seconds: float
    ) -> tuple[list[str], list[Row]]:
        """Runs a person's query that may only read; the server ends it after some seconds.

        Returns:
            Names of the columns, and at most so many rows.
        """
        from neo4j import Query

        async with self._session(writes=False) as session:
            query = Query(statement, timeout=seconds)
            result = await session.run(query, dict(parameters))
            rows = [record.values() for record in await result.fetch(most)]
            return list(result.keys()), rows

    def _session(self, *, writes: bool) -> Any:
        from neo4j import READ_ACCESS, WRITE_ACCESS

        if self._driver is None:
            raise closed(self.where)
        return self._driver.session(
            database=self.where.database, default_access_mode=WRITE_ACCESS if writes else READ_ACCESS
        )


def closed(where: Address) -> StoreError:
    """Makes the error for a store that was closed."""
    return StoreError(f"{where.shown} is closed; open it again to use it.")


def plain(value: Any) -> Any:
    """Replaces in texts what UTF-8 cannot hold, in lists too: what a caller gives may hold anything."""
    if isinstance(value, str):
        return clean(value)
    return [plain(item) for item in value]


@contextmanager
def our_errors(where: Address) -> Iterator[None]:
    """Turns the driver's errors into ours, without credentials."""
    from neo4j.exceptions import DriverError, Neo4jError

    try:
        yield
    except KagError:
        raise
    except (Neo4jError, DriverError) as error:
        raise translated(error, where) from error
    except OverflowError as error:
        raise StoreError(f"{where.shown}: a number has more than 64 bits; nothing was written.") from error
    except (TimeoutError, OSError) as error:
        raise StoreError(f"{where.shown} cannot be reached ({error or 'no answer in time'}).") from error


_BY_CODE: tuple[tuple[str, type[KagError], str], ...] = (
    (
        "Security.AuthenticationRateLimit",
        StoreError,
        "too many wrong passwords; wait, then give the right one",
    ),
    ("Security.CredentialsExpired", StoreError, "the password has expired; change it on the server"),
    (
        "Security.Unauthorized",
        StoreError,
        "the server refused the user and password; give them in the URI (user:password@host), as "
        "arguments, or in NEO4J_USERNAME and NEO4J_PASSWORD (MEMGRAPH_ for Memgraph)",
    ),
    (
        "Security.Forbidden",
        StoreReadOnlyError,
        "the user may not do this; give it the rights, or another user",
    ),
    ("Database.DatabaseNotFound", StoreNotFoundError, "there is no such database; name one that is there"),
    ("ReadOnly", StoreReadOnlyError, "the server takes no writes here; use one that does"),
    ("AccessMode", StoreReadOnlyError, "only reads are allowed here"),
    (
        "MemoryPoolOutOfMemory",
        StoreFullError,
        "the server's memory for transactions is full; nothing was kept",
    ),
    ("OutOfMemory", StoreFullError, "the server is out of memory; nothing was kept"),
    ("TransactionTimedOut", SearchError, "the query took too long and was stopped"),
    ("TransientError", StoreLockedError, "others hold what is needed for too long; try again later"),
)


def translated(error: Exception, where: Address) -> KagError:
    """The error of ours that says what the driver's error means."""
    from neo4j import exceptions
    from neo4j.exceptions import AuthError, Neo4jError, ServiceUnavailable, SessionExpired

    if isinstance(error, ServiceUnavailable | SessionExpired | OSError):
        return StoreError(
            f"{where.shown} cannot be reached: {_first_line(error)} Start the server, or mend the address; "
            "what was being written is there whole or not at all, and may be written again."
        )
    if isinstance(error, exceptions.ConfigurationError):
        return ConfigurationError(f"{where.shown} cannot be used: {_first_line(error)}")
    code = error.code or "" if isinstance(error, Neo4jError) else ""
    if isinstance(error, AuthError) and "Unauthorized" not in code:
        code = code or "Security.Unauthorized"
    for part, kind, advice in _BY_CODE:
        if part in code:
            return kind(f"{where.shown}: {advice}. ({code})")
    return StoreError(
        f"{where.shown}: the server or its driver failed: {_first_line(error)} ({code or 'no code'})"
    )


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    line = str(message).strip().splitlines()[0][:300]
    return line if line.endswith(".") else f"{line}."
