"""Exact nearest neighbours over a float32 matrix in memory that is kept in step with the store's rows.

The matrix is read once, then only what was added since; rows that were deleted are dropped. Every search uses
one unchanging view, so searches in several threads never wait for each other. A process that starts on a
large store pays for reading it all once (about 0.3 CPU-seconds for 100,000 x 384); a memory-mapped copy
beside the store could spare that.
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np
from numpy.typing import NDArray

from kag.errors import EmbeddingMismatchError, SearchError
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, row_numbers
from kag.knowledge_bases._sqlite_vectors import Target, check_target, current_space
from kag.knowledge_bases.base import Scored, Space, VectorSearch

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

_SLICE = 4096  # rows read at a time
_SPARE = 1.25  # room for growth, so that a few new rows do not copy the matrix

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The vectors of one space at one moment, in the order of `keys`.

    Args:
        space: The space's row.
        removals: How many removals the store had counted.
        last: The highest `seq` that was read.
        keys: `(n, 4)`: seq, owner, collection and document of each row.
        rows: `(n, dimensions)` unit vectors, a view of a larger buffer.
        buffer: `(capacity, dimensions)`.
    """

    space: int
    removals: int
    last: int
    keys: Ints
    rows: NDArray[np.float32]
    buffer: NDArray[np.float32]


class VectorIndex:
    """The matrices of one store: one for chunks, one for entities."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Target, Matrix] = {}

    def search(self, db: apsw.Connection, search: VectorSearch) -> list[Scored]:
        """Finds the nearest by cosine, best first, ties by id.

        Args:
            db: A connection in a reading transaction.
            search: What to look for.

        Raises:
            EmbeddingMismatchError: The vector's length is not the store's.
            SearchError: The vector is zero or not finite.
        """
        check_target(search.target)
        current = current_space(db)
        if current is None or search.k < 1:
            return []
        row, space = current
        query = _unit(search.vector, space)
        matrix = self._matrix(db, search.target, row, space.dimensions)
        scores = _masked(db, matrix.rows @ query, matrix, search)
        best = _top(scores, search.k)
        owners = {int(matrix.keys[n, 1]): float(scores[n]) for n in best if np.isfinite(scores[n])}
        found = select(
            db,
            f"SELECT id, rid FROM {search.target} WHERE rid IN (SELECT value FROM json_each(?))",
            (as_json(owners),),
        )
        scored = [Scored(i, owners[rid]) for i, rid in found]
        return sorted(scored, key=lambda item: (-item.score, item.id))

    def _matrix(self, db: apsw.Connection, target: Target, space: int, dimensions: int) -> Matrix:
        """The matrix as of the connection's transaction, or a later one that another thread has read."""
        removals, last = _state(db, target, space)
        with self._lock:
            held = self._held.get(target)
            if held is None or held.space != space:
                empty = np.empty((0, dimensions), dtype=np.float32)
                held = Matrix(space, removals, 0, np.empty((0, 4), dtype=np.int64), empty, empty)
            if removals > held.removals:
                held = _without_removed(db, target, held, removals)
            if last > held.last:
                held = _with_added(db, target, held, last)
            self._held[target] = held
        return held


def _state(db: apsw.Connection, target: Target, space: int) -> tuple[int, int]:
    """The store's count of removals and its highest seq."""
    found = select(
        db,
        "SELECT (SELECT value FROM meta WHERE key = ?), "
        f"(SELECT coalesce(max(seq), 0) FROM {target}_vector WHERE space = ?)",
        (f"{target}_vector_removals", space),
    )
    return found[0][0], found[0][1]


def _without_removed(db: apsw.Connection, target: Target, held: Matrix, removals: int) -> Matrix:
    found = select(
        db,
        f"SELECT seq FROM {target}_vector WHERE space = ? AND seq <= ?",
        (held.space, held.last),
    )
    alive = np.fromiter((seq for (seq,) in found), dtype=np.int64)
    kept = np.isin(held.keys[:, 0], alive, assume_unique=True)
    if kept.all():
        return Matrix(held.space, removals, held.last, held.keys, held.rows, held.buffer)
    rows = held.rows[kept]
    return Matrix(held.space, removals, held.last, held.keys[kept], rows, rows)


def _with_added(db: apsw.Connection, target: Target, held: Matrix, last: int) -> Matrix:
    """Reads the rows that came since, into the spare room of the buffer where there is enough."""
    where = f"FROM {target}_vector WHERE space = ? AND seq > ? AND seq <= ?"
    since = (held.space, held.last, last)
    added = select_value(db, f"SELECT count(*) {where}", since)
    n, dimensions = held.rows.shape
    buffer = held.buffer
    if n + added > len(buffer):
        room = n + added if not n else int((n + added) * _SPARE)
        buffer = np.empty((room, dimensions), dtype=np.float32)
        buffer[:n] = held.rows
    keys = [held.keys]
    rows = db.execute(f"SELECT seq, owner, collection, document, data {where} ORDER BY seq", since)
    for part in _slices(rows):
        keys.append(np.array([row[:4] for row in part], dtype=np.int64))
        data = np.frombuffer(b"".join(row[4] for row in part), dtype="<f4")
        buffer[n : n + len(part)] = data.reshape(len(part), dimensions)
        n += len(part)
    return Matrix(held.space, held.removals, last, np.concatenate(keys), buffer[:n], buffer)


def _slices(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(rows, _SLICE)):
        yield part


def _unit(vector: Vector, space: Space) -> NDArray[np.float32]:
    query = np.asarray(vector, dtype=np.float32)
    if query.shape != (space.dimensions,):
        raise EmbeddingMismatchError(
            f"The query vector has shape {query.shape}; the store holds vectors of {space.model} with "
            f"{space.dimensions} dimensions. Embed the query with that model, or run `kag reembed`."
        )
    norm = float(np.linalg.norm(query))
    if not np.isfinite(norm) or norm == 0:
        raise SearchError("The query vector is zero or not finite; expected a unit vector.")
    return query / np.float32(norm)


def _masked(
    db: apsw.Connection, scores: NDArray[np.float32], matrix: Matrix, search: VectorSearch
) -> NDArray[np.float32]:
    """Puts what the search does not ask for at minus infinity."""
    allowed = np.isin(matrix.keys[:, 2], collection_rows(db, search.collections))
    if search.document_ids:
        documents = list(row_numbers(db, "document", search.document_ids).values())
        column, rows = (3, documents) if search.target == "chunk" else (1, _entities_of(db, documents))
        allowed &= np.isin(matrix.keys[:, column], rows)
    return scores if allowed.all() else np.where(allowed, scores, np.float32(-np.inf))


def _entities_of(db: apsw.Connection, documents: Sequence[int]) -> list[int]:
    sql = "SELECT DISTINCT entity FROM entity_source WHERE document IN (SELECT value FROM json_each(?))"
    return [entity for (entity,) in select(db, sql, (as_json(documents),))]


def _top(scores: NDArray[np.float32], k: int) -> Sequence[int]:
    if k >= len(scores):
        return range(len(scores))
    best: Ints = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
    return [int(n) for n in best]
