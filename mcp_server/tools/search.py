"""`search`: the passages that answer a question, each with where it stands and how it was found."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kag.knowledge_bases.base import Store
from kag.retrievers import searcher
from kag.retrievers.base import Evidence, Hit, Mode, Search
from mcp_server import budget
from mcp_server.budget import Budget
from mcp_server.results import EntityItem, Fact, Page, Passage
from mcp_server.scope import Scope
from mcp_server.tools.base import Arguments, Collection, Cursor, Limit, MaxTokens, Tool, question
from mcp_server.untrusted import Fence

_DEEPEST = 200  # passages that all pages together may show
_PASSAGES = 0.85  # share of the tokens that passages may take; facts and entities get what is left
_MOST_FACTS = 10
_TOGETHER = "CO_OCCURS_WITH"


class SearchArguments(Arguments):
    """A search."""

    query: Annotated[str, Field(min_length=1, max_length=2000, description="A question, or words")]
    mode: Annotated[
        Mode, Field(description="graph also follows what passages mention into other documents")
    ] = "graph"
    collection: Collection = None
    limit: Limit = 8
    cursor: Cursor = None
    max_tokens: MaxTokens = budget.DEFAULT


class SearchAnswer(Page):
    """Passages best first, and the entities and facts that tie them together."""

    passages: tuple[Passage, ...] = ()
    facts: tuple[Fact, ...] = ()
    entities: tuple[EntityItem, ...] = ()

    def render(self, fence: Fence) -> str:
        """The passages, then the facts and entities."""
        blocks = [f"[{n}] {p.render(fence)}" for n, p in enumerate(self.passages, start=1)]
        lines = [item.render(fence) for item in (*self.facts, *self.entities)]
        around = ["Facts and entities around them:", fence("\n".join(lines))] if lines else []
        return self.framed(fence, [*blocks, *around], empty="Nothing found.")


async def call(scope: Scope, asked: SearchArguments) -> SearchAnswer:
    """Searches, and gives as much of one page as its token budget holds."""
    cursor = question("search", asked)
    offset = scope.cursors.read(cursor, asked.cursor)
    collections = scope.access.readable(asked.collection)
    base = await scope.library.reader()
    wanted = min(offset + asked.limit + 1, _DEEPEST)
    found = await searcher(base, asked.mode).search(Search(asked.query, k=wanted, collections=collections))
    page = found.hits[offset : offset + asked.limit]

    purse = Budget(asked.max_tokens, scope.fence)
    passages = purse.take((Passage.of(hit) for hit in page), share=_PASSAGES, first=True)
    shown = page[: len(passages)]
    facts = purse.take(await _facts(base.store, found, shown))
    entities = purse.take(_entities(found, shown))
    end = offset + len(passages)
    return SearchAnswer(
        passages=passages,
        facts=facts,
        entities=entities,
        truncated=purse.cut,
        next_cursor=scope.cursors.sign(cursor, end) if end < len(found.hits) else None,
    )


async def _facts(store: Store, found: Evidence, shown: tuple[Hit, ...]) -> list[Fact]:
    """Facts that the shown passages state; those that only say that two things stand together come last."""
    ids = frozenset(hit.chunk.id for hit in shown)
    stated = [fact for fact in found.facts if any(s.chunk_id in ids for s in fact.support)]
    best = sorted(stated, key=lambda fact: fact.type == _TOGETHER)[:_MOST_FACTS]
    names = await store.get(sorted({i for fact in best for i in (fact.subject_id, fact.object_id)}))
    return [Fact.of(fact, names, ids) for fact in best]


def _entities(found: Evidence, shown: tuple[Hit, ...]) -> list[EntityItem]:
    """The entities on the paths to the shown passages."""
    on_paths = {step.id for hit in shown for step in hit.path}
    return [EntityItem.of(entity) for entity in found.entities if entity.id in on_paths]


TOOL = Tool(
    title="Search",
    description=(
        "Find passages that answer a question, with document, page, character span and score, the path "
        "through the graph that led to each, and the facts they state. Start here. Page with next_cursor. "
        "Cite by uri."
    ),
    arguments=SearchArguments,
    answer=SearchAnswer,
    call=call,
)
