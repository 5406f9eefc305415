"""Shortest ways between two groups of entities: breadth-first from both ends at once, level by level.

The two searches meet at the least length. What lies on a way of that length is then read once more, from the
meeting outwards, and the best supported ways are built from it step by step.
"""

# ruff: noqa: S608  only names from this file are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from kag.errors import SearchError
from kag.knowledge_bases import _sqlite_records as records
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_expand import MOST_SUPPORT
from kag.knowledge_bases._sqlite_rows import as_json, row_numbers
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Path

MOST_PATH_HOPS = 6
_MOST_SEEN = 1_000_000  # entities that a search may reach before it gives up

_Step = tuple[int, str, int, int]  # weight and id of a relation, and the entities it joins here, as rows
_Way = tuple[int, tuple[str, ...], tuple[str, ...]]
# minus the sum of the weights, ids of the entities, ids of the relations: their order is the order of ways


def paths(
    db: apsw.Connection,
    source_ids: Sequence[str],
    target_ids: Sequence[str],
    max_hops: int,
    limit: int,
    relation_types: Sequence[str],
) -> list[Path]:
    """Finds the shortest ways, those with the most support in sum first, then by the ids of what they join.

    Raises:
        SearchError: `max_hops` or `limit` is out of range, or too much lies between the groups.
    """
    if not 1 <= max_hops <= MOST_PATH_HOPS or limit < 0:
        raise SearchError(
            f"max_hops is {max_hops} and limit {limit}; "
            f"expected 1 to {MOST_PATH_HOPS} hops and a limit from 0."
        )
    graph = _Graph(db, tuple(map(clean, relation_types)))
    sources = set(row_numbers(db, "entity", source_ids).values())
    targets = set(row_numbers(db, "entity", target_ids).values())
    layers, met = _layers(graph, sources, targets, max_hops)
    if not layers:
        return []
    ways = _best_ways(db, layers, _steps_between(graph, layers, met), limit)
    relations = records.relations_at(db, _relation_rows(db, ways), MOST_SUPPORT)
    return [Path(entities, tuple(relations[i] for i in order)) for _, entities, order in ways]


class _Graph:
    """The relations of a store as steps in both directions.

    Args:
        db: A connection in a reading transaction.
        types: Only these types, where given.
    """

    def __init__(self, db: apsw.Connection, types: tuple[str, ...]) -> None:
        self.db, self.types = db, types
        self._typed = f"AND r.type IN ({', '.join('?' * len(types))})" if types else ""

    def around(self, rows: Iterable[int]) -> set[int]:
        """The neighbours of entities."""
        found = self._both("r.{1}", rows, "UNION")
        return {row for (row,) in found}

    def steps(self, rows: Iterable[int]) -> list[_Step]:
        """The relations of entities, each as a step away from them."""
        return self._both("r.weight, r.id, r.{0}, r.{1}", rows, "UNION ALL")

    def _both(self, columns: str, rows: Iterable[int], union: str) -> list[Any]:
        """Asks for relations by either end: `{0}` is the end that is known, `{1}` the other."""
        sql = f"SELECT {columns} FROM json_each(?) j CROSS JOIN relation r ON r.{{0}} = j.value {self._typed}"
        known = (as_json(rows), *self.types)
        return select(
            self.db,
            f"{sql.format('subject', 'object')} {union} {sql.format('object', 'subject')}",
            (*known, *known),
        )


def _layers(graph: _Graph, sources: set[int], targets: set[int], max_hops: int) -> tuple[list[set[int]], int]:
    """Layers of entities from sources to targets that hold every way of the least length; empty if none.

    The second value tells in which layer the two searches met.
    """
    ahead, behind = [sources], [targets]
    seen_ahead, seen_behind = set(sources), set(targets)
    while not (meeting := ahead[-1] & behind[-1]):
        if len(ahead) + len(behind) - 2 >= max_hops or not ahead[-1] or not behind[-1]:
            return [], 0
        smaller = len(ahead[-1]) <= len(behind[-1])
        side, seen = (ahead, seen_ahead) if smaller else (behind, seen_behind)
        side.append(graph.around(side[-1]) - seen)
        seen |= side[-1]
        if len(seen) > _MOST_SEEN:
            raise SearchError(
                f"More than {_MOST_SEEN:,} entities lie within {len(side) - 1} hops; "
                "name relation types, or ask for fewer hops."
            )
    return [*ahead[:-1], meeting, *reversed(behind[:-1])], len(ahead) - 1


def _steps_between(graph: _Graph, layers: list[set[int]], met: int) -> list[list[_Step]]:
    """The steps from each layer to the next, on whole ways only; the layers shrink to what lies on those."""
    found: dict[int, list[_Step]] = {}
    for n in range(met, 0, -1):
        steps = [step for step in graph.steps(layers[n]) if step[3] in layers[n - 1]]
        found[n - 1] = [(weight, i, there, here) for weight, i, here, there in steps]
        layers[n - 1] = {step[3] for step in steps}
    for n in range(met, len(layers) - 1):
        found[n] = [step for step in graph.steps(layers[n]) if step[3] in layers[n + 1]]
        layers[n + 1] = {step[3] for step in found[n]}
    return [found[n] for n in range(len(layers) - 1)]


def _best_ways(
    db: apsw.Connection, layers: list[set[int]], steps: list[list[_Step]], limit: int
) -> list[_Way]:
    """The best ways through layers; the best ways to an entity go on from the best to those before it."""
    known = as_json(row for layer in layers for row in layer)
    ids = dict(
        select(db, "SELECT rid, id FROM entity WHERE rid IN (SELECT value FROM json_each(?))", (known,))
    )
    ways: dict[int, list[_Way]] = {row: [(0, (ids[row],), ())] for row in layers[0]}
    for between in steps:
        longer: dict[int, list[_Way]] = {}
        for weight, i, start, end in between:
            for score, entities, relations in ways[start]:
                longer.setdefault(end, []).append((score - weight, (*entities, ids[end]), (*relations, i)))
        ways = {end: sorted(group)[:limit] for end, group in longer.items()}
    return sorted(way for group in ways.values() for way in group)[:limit]


def _relation_rows(db: apsw.Connection, ways: list[_Way]) -> list[int]:
    return list(row_numbers(db, "relation", {i for _, _, relations in ways for i in relations}).values())
