"""A consistent copy of the embedded store's file, made while others read and write."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from pathlib import Path

import apsw

from kag.errors import StoreError
from kag.knowledge_bases._sqlite_connection import our_errors

_PAGES = 2_000  # copied in one step


def backup(db: apsw.Connection, target: Path) -> None:
    """Copies one moment of a store to a new file, which appears only when it is whole.

    Args:
        db: A connection in a reading transaction: the moment that is copied.
        target: The file; its folder is made where it is not there.

    Raises:
        StoreError: The file exists already, or cannot be written.
        StoreFullError: The disk is full.
    """
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} exists already, and a backup replaces nothing; name another place.")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    with our_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(db, partial)
            _publish(partial, target)
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(f"{partial}{suffix}").unlink(missing_ok=True)


def _copy(db: apsw.Connection, file: Path) -> None:
    with closing(apsw.Connection(str(file))) as copy, copy.backup("main", db, "main") as running:
        while not running.done:
            running.step(_PAGES)


def _publish(partial: Path, target: Path) -> None:
    """Gives a finished file its name, unless another has it by now."""
    try:
        os.link(partial, target)
    except FileExistsError as error:
        raise StoreError(f"{target} exists already by now; nothing was replaced.") from error
    except OSError:  # a file system without links
        if target.exists():
            raise
        partial.rename(target)
