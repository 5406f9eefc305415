"""Which rows of which store a file of vectors holds, and when such a file has to go.

Needs no numpy, so that a writer that never searches can keep the files honest.
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import apsw

from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_vectors import Target, current_space
from kag.knowledge_bases.base import Space

MAGIC = b"KAG vectors 1\n\0\0"
HEAD = struct.Struct("<16sII")  # magic, length of the description, its checksum
HEAD_BYTES = 4096
TARGETS: tuple[Target, Target] = ("chunk", "entity")


@dataclass(frozen=True, slots=True)
class Origin:
    """Which rows of which store a file holds.

    Args:
        store: The store's own number.
        space: Row of the vector space.
        model: Name of its model.
        dimensions: Length of its vectors.
        removals: How many removals the store had counted.
        last: The highest `seq` that was read.
        issued: The highest `seq` that was ever given out.
    """

    store: int
    space: int
    model: str
    dimensions: int
    removals: int
    last: int
    issued: int

    def same_store(self, other: Origin) -> bool:
        """Whether both are of one store and space."""
        mine = (self.store, self.space, self.model, self.dimensions)
        return mine == (other.store, other.space, other.model, other.dimensions)


def path_of(database: Path, target: str) -> Path:
    """Where the vectors of a store's chunks or entities are kept."""
    return database.with_name(f"{database.name}-{target}-vectors")


def read_origin(path: Path) -> Origin | None:
    """Reads what a file says of itself; None where it is missing or no such file."""
    try:
        with path.open("rb") as file:
            return Origin(**description(file)["origin"])
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return None


def origin_now(db: apsw.Connection, target: Target, row: int, space: Space) -> Origin:
    """How far the store has come."""
    found = select(
        db,
        "SELECT (SELECT value FROM meta WHERE key = 'identity'), (SELECT value FROM meta WHERE key = ?), "
        f"(SELECT coalesce(max(seq), 0) FROM {target}_vector WHERE space = ?), "
        "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?)",
        (f"{target}_vector_removals", row, f"{target}_vector"),
    )
    store, removals, last, issued = found[0]
    return Origin(store, row, space.model, space.dimensions, removals, last, issued)


def discard_outdated(db: apsw.Connection, path: Path) -> None:
    """Removes the files of vectors that the store has no more; what is deleted is to be gone everywhere.

    Args:
        db: A connection.
        path: The store's file.
    """
    for target in TARGETS:
        file = path_of(path, target)
        if not file.exists():
            continue
        origin, current = read_origin(file), current_space(db)
        if origin and current:
            now = origin_now(db, target, *current)
            if origin.same_store(now) and origin.removals == now.removals:
                continue
        with suppress(OSError):
            file.unlink(missing_ok=True)


def description(file: BinaryIO) -> dict[str, Any]:
    """Reads the head of a file.

    Raises:
        ValueError: It is not a file of vectors.
    """
    magic, length, checksum = HEAD.unpack(file.read(HEAD.size))
    text = file.read(min(length, HEAD_BYTES))
    if magic != MAGIC or zlib.crc32(text) != checksum:
        raise ValueError("not a file of vectors")
    described: dict[str, Any] = json.loads(text)
    return described
