"""The neighbourhood of entities, hop by hop, strongest relations first, with a bound on every step."""

# ruff: noqa: S608  only names from this file are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from kag.errors import SearchError
from kag.knowledge_bases import _sqlite_records as records
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json, row_numbers
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.records import Subgraph

MOST_HOPS = 4
MOST_SUPPORT = 10  # support given with each relation; `get` gives all of it

_Edge = tuple[
    int, str, int, int, int
]  # minus the weight, id, row, subject, object: strongest first, then by id


def expand(
    db: apsw.Connection, entity_ids: Sequence[str], hops: int, limit: int, relation_types: Sequence[str]
) -> Subgraph:
    """Collects what lies within some hops of entities, nearer relations first, then those with more support.

    Raises:
        SearchError: `hops` or `limit` is out of range.
    """
    if not 1 <= hops <= MOST_HOPS or limit < 0:
        raise SearchError(
            f"hops is {hops} and limit {limit}; expected 1 to {MOST_HOPS} hops and a limit from 0."
        )
    types = tuple(map(clean, relation_types))
    frontier = list(row_numbers(db, "entity", entity_ids).values())
    seen, edges, truncated = set(frontier), dict[str, _Edge](), False
    for _ in range(hops):
        room = limit - len(edges)
        around = _around(db, frontier, limit + 1, types)
        fresh = [edge for edge in around if edge[1] not in edges]
        truncated = len(fresh) > room
        edges.update({edge[1]: edge for edge in fresh[:room]})
        frontier = list({end for edge in fresh[:room] for end in edge[3:]} - seen)
        seen.update(frontier)
        if truncated or not frontier:
            break
    found = records.relations_at(db, [edge[2] for edge in edges.values()], MOST_SUPPORT)
    entities = records.entities_at(db, seen)
    return Subgraph(
        entities=tuple(entities[i] for i in sorted(entities)),
        relations=tuple(found[i] for i in edges),
        truncated=truncated,
    )


def _around(db: apsw.Connection, rows: Iterable[int], most: int, types: Sequence[str]) -> list[_Edge]:
    """The strongest relations of entities in both directions."""
    typed = f"AND r.type IN ({', '.join('?' * len(types))})" if types else ""
    columns = "-r.weight, r.id, r.rid, r.subject, r.object FROM json_each(?) j CROSS JOIN relation r"
    both = (as_json(rows), *types)
    found = select(
        db,
        f"SELECT * FROM (SELECT {columns} ON r.subject = j.value {typed} "
        f"UNION ALL SELECT {columns} ON r.object = j.value {typed}) ORDER BY 1, 2 LIMIT ?",
        (*both, *both, 2 * most),  # a relation between two of the entities comes twice
    )
    return list(dict.fromkeys(found))[:most]
