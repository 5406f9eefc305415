"""`find_entities`: the entities that a name or some words mean, with the ids that `get_neighbors` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from kag.knowledge_bases.base import Store, TextSearch
from kag.knowledge_bases.records import Entity
from mcp_server import budget
from mcp_server.budget import Budget
from mcp_server.results import EntityItem, Page
from mcp_server.scope import Scope
from mcp_server.tools.base import Arguments, Cursor, Limit, MaxTokens, Tool, question
from mcp_server.untrusted import Fence

_DEEPEST = 200  # entities found by words; the same for each page, so that pages fit together


class FindEntitiesArguments(Arguments):
    """A search for entities."""

    query: Annotated[str, Field(min_length=1, max_length=500, description="A name, alias or words about it")]
    type: Annotated[str | None, Field(max_length=100, description="Only this label, such as Person")] = None
    limit: Limit = 8
    cursor: Cursor = None
    max_tokens: MaxTokens = budget.DEFAULT


class FindEntitiesAnswer(Page):
    """Entities, those of that very name first."""

    entities: tuple[EntityItem, ...] = ()

    def render(self, fence: Fence) -> str:
        """One line for each entity."""
        lines = [entity.render(fence) for entity in self.entities]
        return self.framed(fence, [fence("\n".join(lines))] if lines else [], empty="No such entity.")


async def call(scope: Scope, asked: FindEntitiesArguments) -> FindEntitiesAnswer:
    """Looks entities up by name, then by words."""
    cursor = question("find_entities", asked)
    offset = scope.cursors.read(cursor, asked.cursor)
    base = await scope.library.reader()
    found = await _found(base.store, scope.access.collections, asked)
    purse = Budget(asked.max_tokens, scope.fence)
    page = found[offset : offset + asked.limit]
    entities = purse.take((EntityItem.of(entity) for entity in page), first=True)
    end = offset + len(entities)
    return FindEntitiesAnswer(
        entities=entities,
        truncated=purse.cut,
        next_cursor=scope.cursors.sign(cursor, end) if end < len(found) else None,
    )


async def _found(store: Store, collections: Sequence[str], asked: FindEntitiesArguments) -> list[Entity]:
    """Entities of the very name, those that most passages mention first; then those that the words find."""
    named = await store.lookup(collections, [asked.query])
    exact = sorted((e for same in named.values() for e in same), key=lambda e: (-e.degree, e.id))
    search = TextSearch(
        asked.query, k=_DEEPEST, collections=tuple(collections), target="entity", label=asked.type
    )
    scored = await store.text_search(search)
    others = await store.get([s.id for s in scored])
    near = [e for s in scored if isinstance(e := others.get(s.id), Entity)]
    fitting = [e for e in (*exact, *near) if asked.type is None or e.label == asked.type]
    return list({entity.id: entity for entity in fitting}.values())


TOOL = Tool(
    title="Find entities",
    description=(
        "Find entities of the knowledge graph (people, places, terms, dates) by name, alias or words, with "
        "type, aliases and how many passages mention each. Use it to get the id that get_neighbors takes."
    ),
    arguments=FindEntitiesArguments,
    answer=FindEntitiesAnswer,
    call=call,
)
