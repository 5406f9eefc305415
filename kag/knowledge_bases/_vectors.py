"""Nearest neighbours over matrices that are kept in step with the store's rows.

Most rows stand in a file beside the store that all processes map into memory, so that opening a large store
reads none of them; what was written since is read from the store and kept apart, until it is worth a new
file. A small store has no such file, nor has one whose folder may not be written: then all is read once.
Every search uses one unchanging view, so searches in several threads never wait for each other.

Up to 10,000 rows a search compares all of them; above, it finds those to compare by their bits (see
`_vectors_block`).
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np
from numpy.typing import NDArray

from kag.errors import EmbeddingMismatchError, SearchError
from kag.knowledge_bases import _vectors_file as files
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_filters import conditions
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, shown_rows
from kag.knowledge_bases._sqlite_vectors import Target, check_target, current_space
from kag.knowledge_bases._vectors_block import Block, Floats, Ints, encoded, plain
from kag.knowledge_bases._vectors_origin import Origin, origin_now, path_of
from kag.knowledge_bases.base import Scored, Space, VectorSearch

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

_SLICE = 4096  # rows read at a time
_SPARE = 1.25  # room for growth, so that a few new rows do not copy the matrix
_WORTH_A_FILE = 4096  # rows that were read from the store and are not in a file yet
_GROWTH = 0.25  # share of new rows that is worth a new file
_FORMS = 4  # vectors of forms that are looked at for each entity that is wanted
_SAMPLE = 32  # rows of a file that are compared with the store's

_AND_FORMS = "SELECT rid FROM e UNION SELECT f.rid FROM e JOIN form f ON f.entity = e.rid"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class View:
    """The vectors of one space at one moment.

    Args:
        origin: Which rows were read so far, of which store.
        base: Rows of a file, or those that would be in one.
        alive: `(n,)`: those of them that the store still has.
        tail: Rows that came since.
        buffer: `(capacity, dimensions)`, whose beginning is the rows of the tail.
    """

    origin: Origin
    base: Block
    alive: Mask
    tail: Block
    buffer: Floats


class VectorIndex:
    """The vectors of one store: those of chunks, and those of entities.

    Args:
        path: The store's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held: dict[Target, View] = {}

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
        view = self._view(db, search.target, row, space)
        wanted = _Wanted(db, search)
        owners: dict[int, float] = {}
        k = search.k if search.target == "chunk" else _FORMS * search.k
        for block, there in ((view.base, view.alive), (view.tail, None)):
            rows, scores = block.best(query, wanted.mask(block.keys, there), k)
            owners.update(zip(block.keys[1, rows].tolist(), scores.tolist(), strict=True))
        best = sorted(owners, key=lambda owner: -owners[owner])[:k]
        shown = shown_rows(db, best) if search.target == "entity" else {owner: owner for owner in best}
        near: dict[int, float] = {}
        for owner in best:  # an entity is as near as the nearest of its forms
            near.setdefault(shown.get(owner, 0), owners[owner])
        found = select(
            db,
            f"SELECT id, rid FROM {search.target} WHERE rid IN (SELECT value FROM json_each(?))",
            (as_json(near),),
        )
        scored = [Scored(i, near[rid]) for i, rid in found]
        return sorted(scored, key=lambda item: (-item.score, item.id))[: search.k]

    def _view(self, db: apsw.Connection, target: Target, row: int, space: Space) -> View:
        """The vectors as of the connection's transaction, or a later view that another thread has read."""
        now = origin_now(db, target, row, space)
        with self._lock:
            view = self._held.get(target)
            if view is None or not view.origin.same_store(now) or now.issued < view.origin.issued:
                view = self._from_file(db, target, now) or _empty(now)
            view = _in_step(db, target, view, now)
            if _is_worth_a_file(view):
                view = self._renewed(db, target, view, now)
            self._held[target] = view
        return view

    def _from_file(self, db: apsw.Connection, target: Target, now: Origin) -> View | None:
        """What the file holds, where it fits the store."""
        loaded = files.load(path_of(self.path, target))
        if loaded is None or not _fits(db, target, loaded, now):
            return None
        origin, base = loaded
        alive = np.ones(base.keys.shape[1], dtype=np.bool_)
        return replace(_empty(origin), origin=origin, base=base, alive=alive)

    def _renewed(self, db: apsw.Connection, target: Target, view: View, now: Origin) -> View:
        """A view on a newer file: one that another process has made meanwhile, or else our own."""
        other = self._from_file(db, target, now)
        if other is not None and len(other.alive) > len(view.alive):
            other = _in_step(db, target, other, now)
            if not _is_worth_a_file(other):
                return other
        keys = np.concatenate([view.base.keys[:, view.alive], view.tail.keys], axis=1)
        rows = np.concatenate([view.base.rows[view.alive], view.tail.rows])
        base = encoded(keys, rows)
        path = path_of(self.path, target)
        if files.writable(path) and files.save(path, view.origin, base):
            loaded = files.load(path)
            base = loaded[1] if loaded is not None and loaded[0] == view.origin else base
        alive = np.ones(base.keys.shape[1], dtype=np.bool_)
        return replace(_empty(view.origin), origin=view.origin, base=base, alive=alive)


class _Wanted:
    """Which rows a search asks for."""

    def __init__(self, db: apsw.Connection, search: VectorSearch) -> None:
        collections = collection_rows(db, search.collections)
        everywhere = select_value(db, "SELECT count(*) FROM collection") == len(collections)
        self._collections = None if everywhere else collections
        self._owners: list[int] | None = None
        found, values = conditions(db, search, None)
        if found:
            sql = f"SELECT t.rid FROM {search.target} t WHERE {' AND '.join(found)}"
            if search.target == "entity":
                sql = f"WITH e(rid) AS ({sql}) {_AND_FORMS}"
            self._owners = [rid for (rid,) in select(db, sql, tuple(values))]
            if search.target == "entity":
                forms = "SELECT f.rid FROM json_each(?) j CROSS JOIN form f ON f.entity = j.value"
                self._owners += [rid for (rid,) in select(db, forms, (as_json(self._owners),))]

    def mask(self, keys: Ints, there: Mask | None) -> Mask:
        """Marks the rows with these keys that are wanted, among those that are there."""
        found = np.ones(keys.shape[1], dtype=np.bool_) if there is None else there
        if self._collections is not None:
            found = found & np.isin(keys[2], self._collections)
        if self._owners is not None:
            found = found & np.isin(keys[1], self._owners)
        return found


def _fits(db: apsw.Connection, target: Target, loaded: tuple[Origin, Block], now: Origin) -> bool:
    """Whether a file is of this store, not of its future, and true in a sample of its rows."""
    origin, block = loaded
    if not origin.same_store(now) or origin.removals > now.removals or origin.issued > now.issued:
        return False
    n = block.keys.shape[1]
    for row in {*range(0, n, max(1, n // _SAMPLE)), n - 1}:
        seq, owner = block.keys[:2, row].tolist()
        found = select(db, f"SELECT owner, data FROM {target}_vector WHERE seq = ?", (seq,))
        if found and found[0] != (owner, block.rows[row].astype("<f4").tobytes()):
            return False
        if not found and origin.removals == now.removals:
            return False
    return True


def _empty(origin: Origin) -> View:
    """A view that holds nothing yet."""
    keys = np.empty((4, 0), dtype=np.int64)
    rows = np.empty((0, origin.dimensions), dtype=np.float32)
    nothing = replace(origin, last=0)
    return View(nothing, plain(keys, rows), np.empty(0, dtype=np.bool_), plain(keys, rows), rows)


def _is_worth_a_file(view: View) -> bool:
    return len(view.tail.rows) > max(_WORTH_A_FILE, _GROWTH * len(view.base.rows))


def _in_step(db: apsw.Connection, target: Target, view: View, now: Origin) -> View:
    """Drops what the store has no more, and reads what came since."""
    if now.removals > view.origin.removals:
        view = _without_removed(db, target, view, now)
    if now.last > view.origin.last:
        view = _with_added(db, target, view, now)
    return view


def _without_removed(db: apsw.Connection, target: Target, view: View, now: Origin) -> View:
    found = select(
        db,
        f"SELECT seq FROM {target}_vector WHERE space = ? AND seq <= ?",
        (now.space, view.origin.last),
    )
    seqs = np.fromiter((seq for (seq,) in found), dtype=np.int64)
    alive = np.isin(view.base.keys[0], seqs, assume_unique=True)
    kept = np.isin(view.tail.keys[0], seqs, assume_unique=True)
    view = replace(view, origin=replace(view.origin, removals=now.removals), alive=alive)
    if kept.all():
        return view
    rows = view.tail.rows[kept]
    return replace(view, tail=plain(view.tail.keys[:, kept], rows), buffer=rows)


def _with_added(db: apsw.Connection, target: Target, view: View, now: Origin) -> View:
    """Reads the rows that came since, into the spare room of the buffer where there is enough."""
    where = f"FROM {target}_vector WHERE space = ? AND seq > ? AND seq <= ?"
    since = (now.space, view.origin.last, now.last)
    added = select_value(db, f"SELECT count(*) {where}", since)
    n, dimensions = view.tail.rows.shape
    buffer = view.buffer
    if n + added > len(buffer):
        room = n + added if not n else int((n + added) * _SPARE)
        buffer = np.empty((room, dimensions), dtype=np.float32)
        buffer[:n] = view.tail.rows
    keys = [view.tail.keys]
    rows = db.execute(f"SELECT seq, owner, collection, document, data {where} ORDER BY seq", since)
    for part in _slices(rows):
        keys.append(np.array([row[:4] for row in part], dtype=np.int64).T)
        data = np.frombuffer(b"".join(row[4] for row in part), dtype="<f4")
        buffer[n : n + len(part)] = data.reshape(len(part), dimensions)
        n += len(part)
    tail = plain(np.concatenate(keys, axis=1), buffer[:n])
    origin = replace(view.origin, last=now.last, issued=now.issued)
    return replace(view, origin=origin, tail=tail, buffer=buffer)


def _slices(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(rows, _SLICE)):
        yield part


def _unit(vector: Vector, space: Space) -> Floats:
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
