"""`get_neighbors`: the facts around an entity, up to three steps away, each with the words that state it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from kag.errors import ToolError
from kag.knowledge_bases.records import Entity, Relation
from mcp_server import budget
from mcp_server.budget import Budget
from mcp_server.results import EntityItem, Fact, Page
from mcp_server.scope import Scope
from mcp_server.tools.base import Arguments, Cursor, Limit, MaxTokens, Tool, question
from mcp_server.untrusted import Fence, line

Direction = Literal["out", "in", "both"]
_DEEPEST = 1000  # facts that all pages together may show
_FACTS = 0.7  # share of the tokens that facts may take; the entities at their ends get what is left


class GetNeighborsArguments(Arguments):
    """A walk around an entity."""

    entity_id: Annotated[
        str, Field(min_length=1, max_length=100, description="As find_entities or search gave it")
    ]
    relation: Annotated[str | None, Field(max_length=200, description="Only this relation type")] = None
    direction: Annotated[Direction, Field(description="out: the entity is the subject")] = "both"
    depth: Annotated[int, Field(ge=1, le=3)] = 1
    limit: Limit = 20
    cursor: Cursor = None
    max_tokens: MaxTokens = budget.DEFAULT


class GetNeighborsAnswer(Page):
    """An entity, the facts around it, and the entities that those lead to."""

    entity: EntityItem
    facts: tuple[Fact, ...] = ()
    nodes: tuple[EntityItem, ...] = ()

    def render(self, fence: Fence) -> str:
        """The entity, then one line for each fact and node."""
        lines = [self.entity.render(fence), *(fact.render(fence) for fact in self.facts)]
        lines += [node.render(fence) for node in self.nodes]
        return self.framed(fence, [fence("\n".join(lines))], empty="")


async def call(scope: Scope, asked: GetNeighborsArguments) -> GetNeighborsAnswer:
    """Walks, and gives as much of one page as its token budget holds."""
    cursor = question("get_neighbors", asked)
    offset = scope.cursors.read(cursor, asked.cursor)
    base = await scope.library.reader()
    centre = (await base.store.get([asked.entity_id])).get(asked.entity_id)
    if not isinstance(centre, Entity) or centre.collection not in scope.access.collections:
        raise ToolError(f"There is no entity {line(asked.entity_id, 60)!r} here; find_entities gives ids.")
    wanted = min(offset + asked.limit + 1, _DEEPEST) if asked.direction == "both" else _DEEPEST
    types = (asked.relation,) if asked.relation else ()
    around = await base.store.expand([centre.id], hops=asked.depth, limit=wanted, relation_types=types)
    found, distances = walk(centre.id, around.relations, asked.direction, asked.depth)
    known = {entity.id: entity for entity in around.entities}

    purse = Budget(asked.max_tokens, scope.fence)
    (entity,) = purse.take([EntityItem.of(centre)], share=0.4, first=True)
    page = found[offset : offset + asked.limit]
    facts = purse.take((Fact.of(fact, known) for fact in page), share=_FACTS, first=True)
    ends = dict.fromkeys(i for fact in facts for i in (fact.subject_id, fact.object_id) if i != centre.id)
    nodes = purse.take(EntityItem.of(known[i], distances[i]) for i in ends if i in known)
    end = offset + len(facts)
    more = end < len(found)
    return GetNeighborsAnswer(
        entity=entity,
        facts=facts,
        nodes=nodes,
        truncated=purse.cut or (not more and around.truncated),
        next_cursor=scope.cursors.sign(cursor, end) if more else None,
    )


def walk(
    start: str, relations: Sequence[Relation], direction: Direction, depth: int
) -> tuple[list[Relation], dict[str, int]]:
    """Follows relations from an entity, one way or both.

    Args:
        start: Where to begin.
        relations: What may be followed, best first.
        direction: `out` goes from subject to object, `in` from object to subject.
        depth: Most steps.

    Returns:
        The relations that were followed, nearest first, and how many steps away each entity is.
    """
    distances = {start: 0}
    followed: list[Relation] = []
    left = [relation for relation in relations if relation.support]
    for step in range(depth):
        passed = [r for r in left if any(distances.get(a) == step for a, _ in _ways(r, direction))]
        for relation in passed:
            for a, b in _ways(relation, direction):
                if distances.get(a) == step:
                    distances.setdefault(b, step + 1)
        followed += passed
        gone = {relation.id for relation in passed}
        left = [relation for relation in left if relation.id not in gone]
    return followed, distances


def _ways(relation: Relation, direction: Direction) -> list[tuple[str, str]]:
    out, back = (relation.subject_id, relation.object_id), (relation.object_id, relation.subject_id)
    return {"out": [out], "in": [back], "both": [out, back]}[direction]


TOOL = Tool(
    title="Get neighbours",
    description=(
        "List the facts around an entity, one to three steps away, each with the words that state it and the "
        "passage they stand in, and the entities they lead to. Filter by relation type and direction. "
        "Page with next_cursor."
    ),
    arguments=GetNeighborsArguments,
    answer=GetNeighborsAnswer,
    call=call,
)
