"""Connections to the embedded store's file, transactions, and the one place where SQLite's errors get ours.

Several processes share a store: WAL lets any number read while one writes, and a writer waits its turn. A
commit survives the end of the process (`synchronous=NORMAL`); a power cut may take the last commits, but
never half of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from kag.errors import (
    KagError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreNotFoundError,
    StoreReadOnlyError,
)

_FULL = {apsw.SQLITE_IOERR_WRITE}  # a quota or a limit on the file's size
_CACHE_KIB = 16 * 1024
_CHECKPOINT_PAGES = 4000  # 16 MB: a page that several documents change is moved into the file once


def connect_writer(path: Path, *, busy_seconds: float, create: bool) -> apsw.Connection:
    """Opens a store's file for writing.

    Raises:
        StoreNotFoundError: It is not there and `create` is False.
        StoreReadOnlyError: The file or its folder may not be written.
    """
    if create:
        _make_folder(path.parent)
    elif not path.exists():
        raise missing(path)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    db = _prepared(apsw.Connection(str(path), flags=flags), busy_seconds)
    if db.readonly("main"):
        db.close()
        raise _read_only(path)
    db.pragma("synchronous", "normal")
    db.pragma("secure_delete", "on")  # what is deleted is overwritten
    db.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    return db


def connect_reader(path: Path, *, busy_seconds: float, strictly: bool = False) -> Reader:
    """Opens a store's file for reading only; makes no file that stays, and none at all where it may not.

    Where the file could be written it is opened so, then held to queries: only so does the last reader take
    away the two files that WAL needs. In a read-only place the file is taken as it stands, and again whenever
    it has changed.

    Args:
        path: The file.
        busy_seconds: How long to wait for another process that writes.
        strictly: Open it so that SQLite itself could not write it; for a connection beside another that is
            held to queries and stays open longer.

    Raises:
        StoreNotFoundError: It is not there.
        StoreReadOnlyError: The place is read-only, and changes wait beside the file that need a writable one.
    """
    if not path.exists():
        raise missing(path)
    flags = apsw.SQLITE_OPEN_READONLY if strictly else apsw.SQLITE_OPEN_READWRITE
    stamp, name = None, str(path)
    if not (_writable(path) and _writable(path.parent)):
        flags = apsw.SQLITE_OPEN_READONLY
        if not _pending(path).exists():
            stamp, name = _stamp(path), f"file:{quote(str(path))}?immutable=1"
            flags |= apsw.SQLITE_OPEN_URI
    try:
        db = _prepared(apsw.Connection(name, flags=flags), busy_seconds)
        db.pragma("query_only", True)
        select(db, "SELECT 1 FROM sqlite_schema LIMIT 1")
    except (apsw.ReadOnlyError, apsw.CantOpenError) as error:
        if not _pending(path).exists():
            raise
        raise StoreReadOnlyError(
            f"{path} cannot be opened: its place is read-only and changes wait in {_pending(path).name}; "
            "copy the folder to a writable place and open that."
        ) from error
    return Reader(db, path, stamp)


@dataclass(frozen=True, slots=True)
class Reader:
    """A connection for queries; in a read-only place it knows the state of the file that it was opened on."""

    db: apsw.Connection
    path: Path
    stamp: tuple[int, ...] | None

    def stale(self) -> bool:
        """Tells whether the file was changed under a connection that cannot notice by itself."""
        return self.stamp is not None and self.stamp != _stamp(self.path)


def is_cut_short(db: apsw.Connection, path: Path) -> bool:
    """Tells whether a file ends within a page, which SQLite itself takes for zeros."""
    pending = _pending(path)
    whole = path.stat().st_size % int(db.pragma("page_size")) == 0
    return not whole and not (pending.exists() and pending.stat().st_size)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _pending(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _stamp(path: Path) -> tuple[int, ...]:
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns, int(_pending(path).exists()))


def _prepared(db: apsw.Connection, busy_seconds: float) -> apsw.Connection:
    db.set_busy_timeout(int(busy_seconds * 1000))
    db.pragma("foreign_keys", True)
    db.pragma("cache_size", -_CACHE_KIB)
    db.pragma("trusted_schema", False)
    return db


def select(db: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
    """Runs a query and returns all its rows."""
    return db.execute(sql, values).fetchall()


def select_value(db: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> Any:
    """Runs a query and returns the first column of its first row."""
    return db.execute(sql, values).fetchall()[0][0]


@contextmanager
def transaction(db: apsw.Connection, kind: str = "DEFERRED") -> Iterator[None]:
    """Runs a block as one transaction: all of it, or nothing; for reading, one moment of the store."""
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def our_errors(path: Path) -> Iterator[None]:
    """Turns SQLite's and the file system's errors into the library's, with what to do about them."""
    try:
        yield
    except apsw.Error as error:
        raise _translated(error, path) from error
    except OverflowError as error:
        raise StoreError(f"{path}: a number has more than 64 bits; nothing was written.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used as a store: {error.strerror or error}.") from error


def _translated(error: apsw.Error, path: Path) -> KagError:
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreLockedError(
            f"{path} is held by another process that writes; nothing was changed. "
            "Wait until it is done, or stop it."
        )
    if isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) in _FULL:
        return StoreFullError(
            f"{path} cannot grow: the disk or a quota is full; nothing of the change was kept."
        )
    if isinstance(error, apsw.ReadOnlyError):
        return _read_only(path)
    if isinstance(error, apsw.NotADBError):
        return StoreCorruptError(
            f"{path} is not a store; nothing was changed. "
            "Name the folder of a store, or another place for a new one."
        )
    if isinstance(error, apsw.CorruptError):
        return damaged(path, str(error))
    if isinstance(error, apsw.CantOpenError):
        return _cannot_open(path)
    return StoreError(f"{path}: {type(error).__name__}: {error}.")


def _cannot_open(path: Path) -> KagError:
    if path.is_dir():
        return StoreError(f"{path} is a folder; a store is a file. Name the folder that holds it, or a file.")
    if not path.exists() and _writable(path.parent):
        return missing(path)
    return _read_only(path)


def _read_only(path: Path) -> StoreReadOnlyError:
    return StoreReadOnlyError(
        f"{path} cannot be written: the store is open for reading only, or its file or folder is read-only; "
        "open it for writing, change the permissions, or choose another place."
    )


def missing(path: Path) -> StoreNotFoundError:
    """Makes the error for a store that is not there."""
    return StoreNotFoundError(f"There is no store at {path}; `kag ingest PATH` makes and fills one.")


def damaged(path: Path, how: str) -> StoreCorruptError:
    """Makes the error for a store that cannot be read any more."""
    return StoreCorruptError(
        f"{path} is damaged ({how}); restore it from a backup, or delete it and ingest the documents again."
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise StoreReadOnlyError(
            f"No store can be made in {folder}: {error.strerror or error}; choose another place."
        ) from error
