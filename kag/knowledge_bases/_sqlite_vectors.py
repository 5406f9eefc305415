"""The vector spaces of the embedded store and the rows of vectors in them."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import apsw

from kag.errors import EmbeddingMismatchError, SearchError
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases.base import Space

Target = Literal["chunk", "entity"]


def check_target(target: str) -> None:
    """Refuses to search for anything but chunks and entities."""
    if target not in ("chunk", "entity"):
        raise SearchError(f"target is {target!r}; expected 'chunk' or 'entity'.")


def current_space(db: apsw.Connection) -> tuple[int, Space] | None:
    """The row and the value of the space that is searched, where there is one."""
    found = select(db, "SELECT rid, model, dimensions FROM space WHERE current")
    return (found[0][0], Space(found[0][1], found[0][2])) if found else None


def space_row(db: apsw.Connection, space: Space) -> int:
    """Finds or makes the row of a space."""
    key = (space.model, space.dimensions)
    db.execute("INSERT INTO space(model, dimensions, current) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", key)
    return int(select_value(db, "SELECT rid FROM space WHERE model = ? AND dimensions = ?", key))


def claim_space(db: apsw.Connection, space: Space) -> int:
    """Makes sure that vectors of a space may be added to those of the store, and returns its row.

    The first space is recorded; one that holds no vectors any more gives way.

    Raises:
        EmbeddingMismatchError: The store holds vectors of another space.
    """
    current = current_space(db)
    if current and current[1] == space:
        return current[0]
    if current and _holds_vectors(db, current[0]):
        raise mismatch(current[1], space)
    return make_current(db, space)


def make_current(db: apsw.Connection, space: Space) -> int:
    """Lets a space be the one that is searched, and forgets all others with their vectors."""
    row = space_row(db, space)
    for target in ("chunk", "entity"):
        db.execute(f"DELETE FROM {target}_vector WHERE space <> ?", (row,))
        _count_removals(db, target)
    db.execute("DELETE FROM space WHERE rid <> ?", (row,))
    db.execute("UPDATE space SET current = 1 WHERE rid = ?", (row,))
    return row


def mismatch(store: Space, given: Space) -> EmbeddingMismatchError:
    """Makes the error for vectors of another space than the store's."""
    return EmbeddingMismatchError(
        f"The store holds vectors of {store.model} ({store.dimensions} dimensions), not of {given.model} "
        f"({given.dimensions}); open it with {store.model}, or run `kag reembed` to change to {given.model}."
    )


def write_vectors(
    db: apsw.Connection, target: Target, space: int, rows: Sequence[tuple[int, int, int, bytes]]
) -> None:
    """Writes vectors as (owner, collection, document, data), in the place of those that their owners had."""
    if not rows:
        return
    delete_vectors(db, target, [row[0] for row in rows], space)
    db.executemany(
        f"INSERT INTO {target}_vector(space, owner, collection, document, data) VALUES (?, ?, ?, ?, ?)",
        [(space, *row) for row in rows],
    )


def delete_vectors(
    db: apsw.Connection, target: Target, owners: Iterable[int], space: int | None = None
) -> None:
    """Deletes the vectors of chunks or entities, in one space or in all."""
    where = "owner = ?" if space is None else f"owner = ? AND space = {int(space)}"
    before = db.total_changes()
    db.executemany(f"DELETE FROM {target}_vector WHERE {where}", [(owner,) for owner in owners])
    if db.total_changes() > before:
        _count_removals(db, target)


def embedded(db: apsw.Connection, space: int, owners: Iterable[int]) -> set[int]:
    """Tells which of some chunks' rows have a vector in a space."""
    found = select(
        db,
        "SELECT v.owner FROM json_each(?) j CROSS JOIN chunk_vector v ON v.owner = j.value AND v.space = ?",
        (as_json(owners), space),
    )
    return {owner for (owner,) in found}


def _holds_vectors(db: apsw.Connection, space: int) -> bool:
    tables: tuple[Target, Target] = ("chunk", "entity")
    return any(select(db, f"SELECT 1 FROM {t}_vector WHERE space = ? LIMIT 1", (space,)) for t in tables)


def _count_removals(db: apsw.Connection, target: str) -> None:
    """Lets readers know that rows of their matrix may be gone."""
    db.execute("UPDATE meta SET value = value + 1 WHERE key = ?", (f"{target}_vector_removals",))
