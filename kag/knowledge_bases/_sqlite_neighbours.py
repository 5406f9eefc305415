"""Steps of a walk over the embedded store: what chunks mention, and where entities are mentioned.

A walk asks for a few hundred nodes a query, and mostly for those that earlier queries asked for. So what was
fetched is kept, by node, until any process changes the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_rows import as_json, row_numbers
from kag.knowledge_bases.base import Neighbour

Kept = dict[str, tuple[Neighbour, ...]]

_MOST_KEPT = 1_000_000  # edges; about 200 bytes each

_OF_CHUNKS = """
SELECT j.value, e.id, m.kind, m.start, e.degree, e.label FROM json_each(?) j
CROSS JOIN chunk c ON c.id = j.value CROSS JOIN mention m ON m.chunk = c.rid
CROSS JOIN entity e ON e.rid = m.entity
"""
_OF_ENTITIES = """
SELECT j.key, c.id, m.kind, m.start, 0, '' FROM json_each(?) j
CROSS JOIN entity e ON e.rid = j.value AND e.degree <= ? CROSS JOIN mention m ON m.entity = e.rid
CROSS JOIN chunk c ON c.rid = m.chunk
"""


class Neighbours:
    """Neighbours by node, as of one state of the store; used by one thread, with one connection."""

    def __init__(self) -> None:
        self._state: tuple[int, int] = (0, 0)
        self._of_chunks: Kept = {}
        self._of_entities: dict[int, Kept] = {}  # by the greatest degree that was asked for
        self._edges = 0

    def find(
        self, db: apsw.Connection, chunk_ids: Sequence[str], entity_ids: Sequence[str], most: int
    ) -> Kept:
        """Finds the neighbours of some chunks and entities; nodes without any are left out.

        Args:
            db: A connection in a reading transaction.
            chunk_ids: Chunks whose entities are wanted.
            entity_ids: Entities whose chunks are wanted.
            most: Entities in more chunks than this are left out.
        """
        state = (id(db), int(select_value(db, "PRAGMA data_version")))
        if state != self._state or self._edges > _MOST_KEPT:
            self._state, self._of_chunks, self._of_entities, self._edges = state, {}, {}, 0
        chunks, entities = self._of_chunks, self._of_entities.setdefault(most, {})
        if unknown := [i for i in chunk_ids if i not in chunks]:
            self._keep(chunks, unknown, select(db, _OF_CHUNKS, (as_json(unknown),)))
        if unknown := [i for i in entity_ids if i not in entities]:
            rows = json.dumps(row_numbers(db, "entity", unknown))
            self._keep(entities, unknown, select(db, _OF_ENTITIES, (rows, most)))
        found = {i: chunks[i] for i in chunk_ids if chunks[i]}
        found.update((i, entities[i]) for i in entity_ids if entities[i])
        return found

    def _keep(
        self, kept: Kept, nodes: Iterable[str], rows: Iterable[tuple[str, str, int, int, int, str]]
    ) -> None:
        """Keeps each neighbour once: as a title before a mention, and by its first mention."""
        around: dict[str, dict[str, Neighbour]] = {node: {} for node in nodes}
        for node, other, kind, start, degree, label in rows:
            known = around[node].get(other)
            if known is None or (kind == 1 and not known.title):
                around[node][other] = Neighbour(other, kind == 1, start, degree, label)
        for node, others in around.items():
            kept[node] = tuple(others.values())
            self._edges += len(others)
