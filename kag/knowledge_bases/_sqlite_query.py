"""Read-only SQL of a person or a model, over the documented views of the embedded store.

A query passes two gates. First it is prepared, not run, where nothing exists but empty views: what names a
table, a pragma, a file or a function that is not on the list fails there, whatever tricks of syntax it plays
(a common table expression may take a view's name, so that an authorizer alone is led astray). Then it runs on
a connection of its own that SQLite opened for reading, with an authorizer, and with limits on time, rows,
memory and the size of values and of the result.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from kag.errors import SearchError
from kag.knowledge_bases._sqlite_connection import connect_reader
from kag.knowledge_bases._sqlite_functions import tame
from kag.knowledge_bases._sqlite_rows import collection_rows
from kag.knowledge_bases._sqlite_views import COLUMNS, SCHEMA, TABLES, empty_views, temporary_views
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import QueryResult

_MOST_ROWS = 10_000
_MOST_SECONDS = 600.0
_MOST_RESULT = 8_000_000  # characters and bytes of all values together
_MOST_MEMORY = 256_000_000  # bytes that SQLite may take while a query runs
_MOST_SPILLED = 512_000_000  # bytes of temporary files
_STEPS = 2_000  # of SQLite's machine between two looks at the clock
_LIMITS = {
    apsw.SQLITE_LIMIT_LENGTH: 16_000_000,
    apsw.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    apsw.SQLITE_LIMIT_COLUMN: 200,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 100,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    apsw.SQLITE_LIMIT_VDBE_OP: 100_000,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 20,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_LISTS = frozenset(("json_each", "json_tree"))  # table-valued functions
_FUNCTIONS = frozenset(
    "abs avg ceil ceiling char coalesce concat concat_ws count cume_dist date datetime dense_rank exp "
    "first_value floor format glob group_concat hex if ifnull iif instr json json_array json_array_length "
    "json_each json_extract json_group_array json_group_object json_object json_quote json_remove "
    "json_replace json_set json_tree json_type json_valid julianday lag last_value lead length like ln log "
    "log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pow power printf "
    "quote rank replace round row_number rtrim sign sqrt strftime string_agg substr substring sum time "
    "timediff total trim trunc typeof unicode unixepoch upper -> ->>".split()
)
_READS = {apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE}
_NOTHING = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))*", re.DOTALL)
_Parameters = dict[str, str | int | float | None]


def read_query(
    db: apsw.Connection,
    path: Path,
    query: str,
    parameters: Mapping[str, Any] | None,
    *,
    collections: Sequence[str],
    limit: int,
    seconds: float,
) -> QueryResult:
    """Runs one SELECT over the documented views.

    Args:
        db: A connection in a reading transaction; it stays as it is.
        path: The store's file.
        query: One statement.
        parameters: Values of `:name`; lists become JSON text for `json_each(:name)`.
        collections: Namespaces that the views show; empty means all.
        limit: At most so many rows, 1 to 10,000.
        seconds: Time after which the query is stopped, up to 600.

    Raises:
        SearchError: The query is refused, cannot be parsed, fails or takes too much.
    """
    if not 1 <= limit <= _MOST_ROWS or not 0 < seconds <= _MOST_SECONDS:
        raise SearchError(
            f"limit is {limit} and seconds {seconds}; expected 1 to {_MOST_ROWS:,} rows "
            f"and more than 0, at most {_MOST_SECONDS:g} seconds."
        )
    if not isinstance(query, str):
        raise SearchError(f"The query is {type(query).__name__}; expected one SELECT statement as text.")
    values = {name: _value(name, value) for name, value in (parameters or {}).items()}
    statement = _examine(clean(query))
    rows = collection_rows(db, collections)
    own = connect_reader(path, busy_seconds=1.0, strictly=True).db
    with closing(own):
        own.pragma("query_only", False)
        own.execute(temporary_views(rows)).fetchall()
        own.pragma("query_only", True)
        return _run(own, statement, values, limit, seconds)


def _value(name: str, value: Any) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return clean(value) if isinstance(value, str) else value
    if isinstance(value, Mapping | Sequence) and not isinstance(value, bytes | bytearray):
        try:
            return clean(json.dumps(value, ensure_ascii=False))
        except (TypeError, ValueError) as error:
            raise SearchError(f"The parameter {name!r} cannot be given to a query: {error}.") from error
    raise SearchError(
        f"The parameter {name!r} is a {type(value).__name__}; expected text, a number, a truth value, None, "
        "or a list of them."
    )


class _Prepared(Exception):  # noqa: N818  it stops a statement before its first step, which is no error
    """A statement was understood."""


def _examine(query: str) -> str:
    """Prepares a query where there is nothing but the empty views, and runs not one step of it.

    Returns:
        The one statement that it holds.
    """
    statement = ""

    def stop(cursor: apsw.Cursor, sql: str, _: object) -> bool:
        nonlocal statement
        if cursor.is_explain or not cursor.is_readonly:
            raise _refusal("it is not a plain SELECT")
        statement = sql if cursor.has_vdbe else ""
        raise _Prepared

    with closing(apsw.Connection(":memory:")) as db:
        db.execute(empty_views()).fetchall()
        guard = _guarded(db, frozenset())
        cursor = db.cursor()
        cursor.exec_trace = stop
        try:
            cursor.execute(query, _AnyValue())
        except _Prepared:
            pass
        except (apsw.Error, ValueError) as error:
            raise _failure(error, guard) from error
    if not statement or not guard.selects:
        raise _refusal("it holds no SELECT" if statement else "it holds no statement")
    if not _NOTHING.fullmatch(query[len(statement) :]):
        raise _refusal("it holds more than one statement")
    return statement


class _AnyValue(dict[str, None]):
    """Parameters for a statement that does not run."""

    def __missing__(self, key: str) -> None:
        return None


class _Guard:
    """SQLite's questions while it prepares a statement; notes what it refused, to say so."""

    def __init__(self, tables: frozenset[str]) -> None:
        self.tables = tables
        self.refused = ""
        self.selects = False

    def __call__(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """Allows reads of what is known, and known functions."""
        if action in _READS:
            self.selects = True
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_READ and (first in COLUMNS or first in _LISTS or first in self.tables):
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
            return apsw.SQLITE_OK
        name = str(apsw.mapping_authorizer_function[action]).removeprefix("SQLITE_")
        self.refused = self.refused or " ".join(part for part in (name, first, second) if part)
        return apsw.SQLITE_DENY


def _guarded(db: apsw.Connection, tables: frozenset[str]) -> _Guard:
    """Lets a connection do nothing but read, within limits."""
    for limit, value in _LIMITS.items():
        db.limit(limit, value)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)  # "name" is never text
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    guard = _Guard(tables)
    db.authorizer = guard
    return guard


def _run(db: apsw.Connection, query: str, values: _Parameters, limit: int, seconds: float) -> QueryResult:
    tame(db)
    guard = _guarded(db, TABLES)
    watch = _Watch(db, seconds)
    db.set_progress_handler(watch, _STEPS)
    cursor = db.cursor()
    columns: tuple[str, ...] = ()

    def note(cursor: apsw.Cursor, *_: object) -> bool:
        nonlocal columns
        columns = tuple(name for name, *_ in cursor.get_description())
        return True

    cursor.exec_trace = note
    try:
        cursor.execute(query, values)
        rows, truncated = _collected(cursor, limit)
    except (apsw.BusyError, apsw.CorruptError, apsw.IOError):
        raise
    except apsw.InterruptError as error:
        raise SearchError(
            f"The query was stopped: it took more than {watch.exceeded}. Ask for less, or filter by id."
        ) from error
    except (apsw.Error, KeyError) as error:
        raise _failure(error, guard) from error
    return QueryResult(columns, rows, truncated)


def _collected(cursor: apsw.Cursor, limit: int) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    """The first rows, as many as may be given, and whether there are more."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if len(rows) == limit or (rows and size > _MOST_RESULT):
            return tuple(rows), True
        rows.append(tuple(map(_plain, row)))
    return tuple(rows), False


def _plain(value: Any) -> Any:
    """Writes what JSON does not know as text."""
    if isinstance(value, bytes):
        return value.hex()
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


class _Watch:
    """Stops a query that takes too long or too much; asked by SQLite every few thousand steps."""

    def __init__(self, db: apsw.Connection, seconds: float) -> None:
        self.db, self.seconds = db, seconds
        self.end = time.monotonic() + seconds
        self.memory = apsw.memory_used() + _MOST_MEMORY
        self.exceeded = ""

    def __call__(self) -> bool:
        """Whether the query has to stop."""
        if time.monotonic() > self.end:
            self.exceeded = f"{self.seconds:g} seconds"
        elif apsw.memory_used() > self.memory:
            self.exceeded = f"{_MOST_MEMORY // 1_000_000} MB of memory"
        elif self.db.status(apsw.SQLITE_DBSTATUS_TEMPBUF_SPILL)[0] > _MOST_SPILLED:
            self.exceeded = f"{_MOST_SPILLED // 1_000_000} MB of temporary files"
        return bool(self.exceeded)


def _refusal(why: str) -> SearchError:
    return SearchError(f"The query is refused: {why}. Expected one SELECT over the views {SCHEMA}.")


def _failure(error: Exception, guard: _Guard) -> SearchError:
    if guard.refused:
        return _refusal(f"{guard.refused} is not allowed")
    if isinstance(error, apsw.BindingsError | KeyError):
        return SearchError(f"The query lacks the value of a parameter, or has one without a name: {error}")
    return SearchError(f"The query cannot be run: {error}. The views are {SCHEMA}.")
