"""Tools over a knowledge base: search, entities, the facts around them, paths between them, queries.

Each function takes a knowledge base first and gives JSON with ids and sources, so that a server may expose it
as well; `graph_tools` binds them to one knowledge base as tools for an agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field

from kag.agents.tool import Tool
from kag.errors import ToolError
from kag.http import shorten
from kag.knowledge_bases.base import Path
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Entity, Relation
from kag.retrievers import _entities, searcher
from kag.retrievers._graph_schema import SHAPES
from kag.retrievers._items import entity_items, fact_items, named, passage_items
from kag.retrievers.base import Mode, Search
from kag.schema.values import Json, json_text

Direction = Literal["out", "in", "both"]
_WALKED = 400  # facts that are followed before the nearest are taken
_SAME_NAME = 5  # entities that one name may mean
_ID = "ent_"
_LEAST_LIKENESS = 0.2
_LONGEST = 18_000  # characters of a result as JSON; a tool would cut more than that in the middle


def graph_tools(
    knowledge_base: KnowledgeBase, *, mode: Mode = "graph", across_collections: bool = False
) -> list[Tool]:
    """Tools over a knowledge base, all of which only read.

    `search_graph`, `find_entities`, `get_neighbors`, `find_paths` and `query_graph`. All look into the
    knowledge base's own collection. Cypher cannot be held to one, so on such a store `query_graph` is left
    out unless all collections may be read.

    Args:
        knowledge_base: Where to look.
        mode: How `search_graph` finds passages.
        across_collections: Whether queries may read all collections.

    Example:
        >>> agent = FunctionCallingAgent(tools=graph_tools(knowledge_base), language_model=lm)
    """
    made = [
        _tool("search_graph", SearchGraph(knowledge_base, mode)),
        _tool("find_entities", FindEntities(knowledge_base)),
        _tool("get_neighbors", GetNeighbors(knowledge_base)),
        _tool("find_paths", FindPaths(knowledge_base)),
    ]
    language = knowledge_base.store.query_language
    if language == "sql" or across_collections:
        about = (
            f"Runs one read-only {language} query and gives its rows; for counts, lists and comparisons. "
            f"{SHAPES[language]}"
        )
        query = QueryGraph(knowledge_base, across_collections)
        made.append(Tool(query, name="query_graph", description=about, idempotent=True))
    return made


async def search(base: KnowledgeBase, query: str, *, k: int = 6, mode: Mode = "graph") -> Json:
    """Finds the passages that answer a question, with the path to each, and the entities on the paths.

    Raises:
        SearchError: The query is empty, or `k` is out of bounds.
    """
    found = await searcher(base, mode).search(Search(query, k=k))
    on_paths = {step.id for hit in found.hits for step in hit.path}
    return {
        "passages": passage_items(found, 0.0),
        "entities": [named(entity) for entity in found.entities if entity.id in on_paths],
    }


async def find_entities(base: KnowledgeBase, words: str, *, label: str | None = None, k: int = 8) -> Json:
    """Finds the entities that a name or some words mean, best first."""
    found = await _entities.find_entities(base, words, label=label, k=k, threshold=_LEAST_LIKENESS)
    return {"entities": await entity_items(base.store, found)}


async def neighbors(
    base: KnowledgeBase,
    entity: str,
    *,
    relation: str | None = None,
    direction: Direction = "both",
    hops: int = 1,
    k: int = 20,
) -> Json:
    """Lists the facts around an entity, nearest first.

    Args:
        base: Where to look.
        entity: Its id or name.
        relation: Only this relation type.
        direction: `out` goes from subject to object, `in` from object to subject.
        hops: How far to go, 1 to 4.
        k: At most so many facts; `truncated` says whether there are more.

    Raises:
        ToolError: There is no such entity, or the name means several.
    """
    centre = await one_entity(base, entity)
    types = (relation,) if relation else ()
    around = await base.store.expand([centre.id], hops=hops, limit=max(k, _WALKED), relation_types=types)
    here = [found for found in around.relations if found.collection in base.collections]
    facts = follow(centre.id, here, direction, hops)
    return {
        "entity": named(centre),
        "facts": await fact_items(base.store, facts[:k]),
        "truncated": around.truncated or len(facts) > k,
    }


def follow(
    start: str, relations: Sequence[Relation], direction: Direction, hops: int
) -> list[tuple[Relation, float]]:
    """Follows relations from an entity, one way or both.

    Args:
        start: Id of the entity.
        relations: What may be followed.
        direction: `out` goes from subject to object, `in` from object to subject.
        hops: Most steps.

    Returns:
        What was followed, nearest first and then that with most support, with 1 over its distance.
    """
    reached, followed, left = {start}, list[tuple[Relation, float]](), list(relations)
    for hop in range(1, hops + 1):
        passed = [r for r in left if any(a in reached for a, _ in _ways(r, direction))]
        farther = {b for r in passed for a, b in _ways(r, direction) if a in reached}
        passed.sort(key=lambda r: (-len(r.support), r.id))
        followed += [(relation, 1 / hop) for relation in passed]
        gone = {relation.id for relation in passed}
        left = [relation for relation in left if relation.id not in gone]
        reached |= farther
    return followed


def _ways(relation: Relation, direction: Direction) -> list[tuple[str, str]]:
    out, back = (relation.subject_id, relation.object_id), (relation.object_id, relation.subject_id)
    return {"out": [out], "in": [back], "both": [out, back]}[direction]


async def paths(base: KnowledgeBase, source: str, target: str, *, max_hops: int = 4, k: int = 5) -> Json:
    """Finds the shortest ways between two entities, over relations in both directions.

    Args:
        base: Where to look.
        source: Id or name of one entity.
        target: Id or name of the other.
        max_hops: Longest way, 1 to 6 relations.
        k: At most so many.

    Raises:
        ToolError: There is no such entity, or a name means several.
    """
    ends = [await one_entity(base, source), await one_entity(base, target)]
    found = await base.store.paths([ends[0].id], [ends[1].id], max_hops=max_hops, limit=k)
    return {
        "source": named(ends[0]),
        "target": named(ends[1]),
        "paths": await path_items(base, [path for path in found if path.relations]),
    }


async def path_items(base: KnowledgeBase, found: Sequence[Path]) -> list[Json]:
    """Ways as lists of entities, and of the facts that join them."""
    store = base.store
    records = await store.get(sorted({i for path in found for i in path.entity_ids}))
    relations = {relation.id: (relation, 1.0) for path in found for relation in path.relations}
    facts = {item["id"]: item for item in await fact_items(store, list(relations.values()))}
    return [
        {
            "entities": [named(e) for i in path.entity_ids if isinstance(e := records.get(i), Entity)],
            "facts": [facts[relation.id] for relation in path.relations if relation.id in facts],
        }
        for path in found
    ]


async def query(
    base: KnowledgeBase, statement: str, *, k: int = 50, across_collections: bool = False
) -> Json:
    """Runs a query that can only read; the store refuses any other.

    Raises:
        SearchError: The query is refused, cannot be parsed, or takes too long.
        ToolError: Nothing can hold a query of this store to one collection.
    """
    store = base.store
    if store.query_language != "sql" and not across_collections:
        raise ToolError("Cypher reads all collections; that must be allowed with across_collections=True.")
    collections = () if across_collections else base.collections
    found = await store.read_query(statement, collections=collections, limit=k)
    return {
        "columns": list(found.columns),
        "rows": [list(row) for row in found.rows],
        "truncated": found.truncated,
    }


async def one_entity(base: KnowledgeBase, id_or_name: str) -> Entity:
    """The entity of an id or a name.

    Raises:
        ToolError: There is none, or the name means several; the message lists those that it may mean.
    """
    if id_or_name.startswith(_ID):
        found = (await base.store.get([id_or_name])).get(id_or_name)
        if isinstance(found, Entity) and found.collection in base.collections:
            return found
    known = [e for same in (await base.store.lookup(base.collections, [id_or_name])).values() for e in same]
    if len(known) == 1:
        return known[0]
    shown = shorten(id_or_name, 80)
    if known:
        raise ToolError(f"{shown!r} is the name of several entities; give an id: {_listed(known)}.")
    like = await _entities.find_entities(base, id_or_name, k=_SAME_NAME, threshold=_LEAST_LIKENESS)
    closest = f" The closest: {_listed([entity for entity, _ in like])}." if like else ""
    raise ToolError(f"There is no entity {shown!r} here.{closest}")


def _listed(entities: Sequence[Entity]) -> str:
    best = sorted(entities, key=lambda e: (-e.degree, e.id))[:_SAME_NAME]
    return "; ".join(f"{e.id} {shorten(e.name, 60)} [{shorten(e.label, 30)}]" for e in best)


@dataclass(frozen=True, slots=True)
class SearchGraph:
    """`search` over one knowledge base."""

    knowledge_base: KnowledgeBase
    mode: Mode = "graph"

    async def __call__(self, query: str, k: Annotated[int, Field(ge=1, le=20)] = 6) -> Json:
        """Finds passages that answer a question, with their sources and the entities that lead to them.

        Args:
            query: A question, or words.
            k: At most so many passages.
        """
        return _fitting(await search(self.knowledge_base, query, k=k, mode=self.mode), "passages")


@dataclass(frozen=True, slots=True)
class FindEntities:
    """`find_entities` over one knowledge base."""

    knowledge_base: KnowledgeBase

    async def __call__(
        self, query: str, label: str | None = None, k: Annotated[int, Field(ge=1, le=30)] = 8
    ) -> Json:
        """Finds entities (people, places, things) by name or words, with their ids and where they are named.

        Args:
            query: A name, an alias, or words about it.
            label: Only entities of this type, such as Person.
            k: At most so many.
        """
        return _fitting(await find_entities(self.knowledge_base, query, label=label, k=k), "entities")


@dataclass(frozen=True, slots=True)
class GetNeighbors:
    """`neighbors` over one knowledge base."""

    knowledge_base: KnowledgeBase

    async def __call__(
        self,
        entity: str,
        relation: str | None = None,
        direction: Direction = "both",
        hops: Annotated[int, Field(ge=1, le=3)] = 1,
        k: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> Json:
        """Lists the facts around an entity, nearest first, each with the words that state it.

        Args:
            entity: Its id or name.
            relation: Only facts of this type.
            direction: out: the entity is the subject; in: it is the object.
            hops: How many steps away.
            k: At most so many facts.
        """
        found = await neighbors(
            self.knowledge_base, entity, relation=relation, direction=direction, hops=hops, k=k
        )
        return _fitting(found, "facts")


@dataclass(frozen=True, slots=True)
class FindPaths:
    """`paths` over one knowledge base."""

    knowledge_base: KnowledgeBase

    async def __call__(
        self,
        source: str,
        target: str,
        max_hops: Annotated[int, Field(ge=1, le=6)] = 4,
        k: Annotated[int, Field(ge=1, le=20)] = 5,
    ) -> Json:
        """Finds how two entities hang together: the shortest chains of facts between them.

        Args:
            source: Id or name of one entity.
            target: Id or name of the other.
            max_hops: Longest chain.
            k: At most so many.
        """
        return _fitting(await paths(self.knowledge_base, source, target, max_hops=max_hops, k=k), "paths")


@dataclass(frozen=True, slots=True)
class QueryGraph:
    """`query` over one knowledge base."""

    knowledge_base: KnowledgeBase
    across_collections: bool = False

    async def __call__(self, statement: str, k: Annotated[int, Field(ge=1, le=200)] = 50) -> Json:
        """Runs one read-only query and gives its rows.

        Args:
            statement: The query.
            k: At most so many rows.
        """
        found = await query(self.knowledge_base, statement, k=k, across_collections=self.across_collections)
        return _fitting(found, "rows")


def _fitting(result: Json, key: str) -> Json:
    """A result without the last items of a list, as many as make it too long; `truncated` says so."""
    items = result[key]
    sizes = [len(json_text(item)) + 1 for item in items]
    left = _LONGEST - len(json_text({**result, key: []}))
    kept = sum(total <= left for total in accumulate(sizes))
    return result if kept == len(items) else {**result, key: items[:kept], "truncated": True}


def _tool(name: str, function: SearchGraph | FindEntities | GetNeighbors | FindPaths) -> Tool:
    return Tool(function, name=name, idempotent=True)
