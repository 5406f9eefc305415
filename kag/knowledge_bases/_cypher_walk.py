"""Walks over the relations of a graph server: neighbourhoods, shortest ways, and relations by their ends.

A walk steps over facts, found by the entity at either end, so the many chunks that mention an entity cost
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kag.errors import SearchError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction, plain
from kag.knowledge_bases._cypher_read import MOST_SUPPORT, entities, relations, shown
from kag.knowledge_bases._cypher_rows import scopes
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Neighbour, Path, TripletSearch
from kag.knowledge_bases.records import Relation, Subgraph

MOST_HOPS = 4
MOST_PATH_HOPS = 6
_MOST_SEEN = 200_000  # entities that a search for ways may reach before it gives up

_Edge = tuple[int, str, str, str]  # weight, id, and the entities that it joins
_Way = tuple[int, tuple[str, ...], tuple[str, ...]]
# minus the sum of the weights, ids of the entities, ids of the relations: their order is the order of ways


async def expand(
    tx: Transaction, entity_ids: Sequence[str], hops: int, limit: int, relation_types: Sequence[str]
) -> Subgraph:
    """Collects what lies within some hops of entities, nearer relations first, then those with more support.

    Raises:
        SearchError: `hops` or `limit` is out of range.
    """
    if not 1 <= hops <= MOST_HOPS or limit < 0:
        raise SearchError(
            f"hops is {hops} and limit {limit}; expected 1 to {MOST_HOPS} hops and a limit from 0."
        )
    frontier = list(dict.fromkeys((await shown(tx, entity_ids)).values()))
    seen, edges, truncated = set(frontier), dict[str, _Edge](), False
    for _ in range(hops):
        room = limit - len(edges)
        around = await _around(tx, frontier, limit + 1, relation_types)
        fresh = [edge for edge in around if edge[1] not in edges]
        truncated = len(fresh) > room
        edges.update({edge[1]: edge for edge in fresh[:room]})
        frontier = list({end for edge in fresh[:room] for end in edge[2:]} - seen)
        seen.update(frontier)
        if truncated or not frontier:
            break
    found = await relations(tx, edges, MOST_SUPPORT)
    known = await entities(tx, seen)
    whole = [found[i] for i in edges if i in found]  # another transaction may have taken some away meanwhile
    return Subgraph(
        entities=tuple(known[i] for i in sorted(known)),
        relations=tuple(r for r in whole if r.subject_id in known and r.object_id in known),
        truncated=truncated,
    )


async def neighbours(
    tx: Transaction, chunk_ids: Sequence[str], entity_ids: Sequence[str], most: int
) -> dict[str, tuple[Neighbour, ...]]:
    """Finds what chunks mention and where entities are mentioned, each once."""
    found = []
    if chunk_ids:
        found += await tx.many(statements.NEIGHBOURS_OF_CHUNKS, ids=plain(chunk_ids))
    if entity_ids:
        found += await tx.many(statements.NEIGHBOURS_OF_ENTITIES, ids=plain(entity_ids), most=most)
    around: dict[str, dict[str, Neighbour]] = {}
    for node, other, kind, start, degree, label in sorted(found, key=lambda m: (m[0], m[2] != "TITLE", m[3])):
        neighbour = Neighbour(other, kind == "TITLE", start, degree, label)
        around.setdefault(node, {}).setdefault(other, neighbour)
    return {node: tuple(others.values()) for node, others in around.items()}


async def _around(tx: Transaction, ids: list[str], most: int, types: Sequence[str]) -> list[_Edge]:
    """The strongest relations of entities in both directions."""
    found = await tx.many(statements.AROUND, ids=ids, types=_types(types), limit=most)
    return sorted(((row[0], row[1], row[2], row[3]) for row in found), key=lambda e: (-e[0], e[1]))


async def triplets(tx: Transaction, search: TripletSearch) -> list[Relation]:
    """Finds relations, those with the most support first, then by id.

    Raises:
        SearchError: `limit` is negative.
    """
    if search.limit < 0:
        raise SearchError(f"limit is {search.limit}; expected a limit from 0.")
    conditions, parameters = ["f.id IS NOT NULL"], dict[str, Any](limit=search.limit)
    several = {
        "scope": scopes(search.collections),
        "subject_id": await _asked(tx, search.subject_ids),
        "object_id": await _asked(tx, search.object_ids),
        "type": plain(search.types),
    }
    if search.chunk_ids:
        conditions.append("EXISTS { MATCH (c:Chunk)-[:STATES]->(f) WHERE c.id IN $chunk_id }")
        parameters["chunk_id"] = plain(search.chunk_ids)
    one = {"subject_label": search.subject_label, "object_label": search.object_label}
    for name, values in several.items():
        if values:
            conditions.append(f"f.{name} IN ${name}")
            parameters[name] = values
    for name, value in one.items():
        if value is not None:
            conditions.append(f"f.{name} = ${name}")
            parameters[name] = clean(value)
    found = await tx.rows(statements.TRIPLETS.format(conditions=" AND ".join(conditions)), **parameters)
    known = await relations(tx, [i for (i,) in found], MOST_SUPPORT)
    return [known[i] for (i,) in found if i in known]


async def paths(
    tx: Transaction,
    source_ids: Sequence[str],
    target_ids: Sequence[str],
    max_hops: int,
    limit: int,
    relation_types: Sequence[str],
) -> list[Path]:
    """Finds the shortest ways, those with the most support in sum first, then by their ids.

    Raises:
        SearchError: `max_hops` or `limit` is out of range, or too much lies between the groups.
    """
    if not 1 <= max_hops <= MOST_PATH_HOPS or limit < 0:
        raise SearchError(
            f"max_hops is {max_hops} and limit {limit}; "
            f"expected 1 to {MOST_PATH_HOPS} hops and a limit from 0."
        )
    graph = _Graph(tx, _types(relation_types))
    sources, targets = await shown(tx, source_ids), await shown(tx, target_ids)
    layers, met = await _layers(graph, set(sources.values()), set(targets.values()), max_hops)
    ways = await _best_ways(graph, layers, met, limit) if layers else []
    known = await relations(tx, {i for way in ways for i in way[2]}, MOST_SUPPORT)
    whole = [way for way in ways if all(i in known for i in way[2])]
    return [Path(ends, tuple(known[i] for i in order)) for _, ends, order in whole]


class _Graph:
    """The relations of a store as steps in both directions.

    Args:
        tx: A reading transaction.
        types: Only these types, where given.
    """

    def __init__(self, tx: Transaction, types: list[str] | None) -> None:
        self.tx, self.types = tx, types

    async def around(self, ids: Iterable[str]) -> set[str]:
        """The neighbours of entities."""
        found: set[str] = set()
        for statement in statements.NEIGHBOURS.values():
            found.update(i for (i,) in await self.tx.many(statement, ids=list(ids), types=self.types))
        return found

    async def steps(self, ids: Iterable[str]) -> list[_Edge]:
        """The relations of entities, each as a step away from them."""
        found: list[_Edge] = []
        for statement in statements.STEPS.values():
            part = await self.tx.many(statement, ids=list(ids), types=self.types)
            found += [(row[0], row[1], row[2], row[3]) for row in part]
        return found


async def _layers(
    graph: _Graph, sources: set[str], targets: set[str], max_hops: int
) -> tuple[list[set[str]], int]:
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
        side.append(await graph.around(side[-1]) - seen)
        seen |= side[-1]
        if len(seen) > _MOST_SEEN:
            raise SearchError(
                f"More than {_MOST_SEEN:,} entities lie within {len(side) - 1} hops; "
                "name relation types, or ask for fewer hops."
            )
    return [*ahead[:-1], meeting, *reversed(behind[:-1])], len(ahead) - 1


async def _best_ways(graph: _Graph, layers: list[set[str]], met: int, limit: int) -> list[_Way]:
    """The best ways through layers; the best ways to an entity go on from the best to those before it."""
    steps = await _steps_between(graph, layers, met)
    ways: dict[str, list[_Way]] = {i: [(0, (i,), ())] for i in layers[0]}
    for between in steps:
        longer: dict[str, list[_Way]] = {}
        for weight, i, start, end in between:
            for score, ends, ids in ways[start]:
                longer.setdefault(end, []).append((score - weight, (*ends, end), (*ids, i)))
        ways = {end: sorted(group)[:limit] for end, group in longer.items()}
    return sorted(way for group in ways.values() for way in group)[:limit]


async def _steps_between(graph: _Graph, layers: list[set[str]], met: int) -> list[list[_Edge]]:
    """The steps from each layer to the next, on whole ways only; the layers shrink to what lies on those."""
    found: dict[int, list[_Edge]] = {}
    for n in range(met, 0, -1):
        steps = [step for step in await graph.steps(layers[n]) if step[3] in layers[n - 1]]
        found[n - 1] = [(weight, i, there, here) for weight, i, here, there in steps]
        layers[n - 1] = {step[3] for step in steps}
    for n in range(met, len(layers) - 1):
        found[n] = [step for step in await graph.steps(layers[n]) if step[3] in layers[n + 1]]
        layers[n + 1] = {step[3] for step in found[n]}
    return [found[n] for n in range(len(layers) - 1)]


async def _asked(tx: Transaction, ids: Sequence[str]) -> list[str]:
    """The entities that ids lead to; an id that leads nowhere stays, so that nothing is found for it."""
    known = await shown(tx, ids)
    return list(dict.fromkeys(known.get(i, i) for i in plain(list(ids))))


def _types(types: Sequence[str]) -> list[str] | None:
    return plain(list(types)) if types else None
