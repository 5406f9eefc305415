"""The evidence that an answer was written from, as a search would give it."""

from __future__ import annotations

from typing import Any

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Entity
from kag.retrievers._paths import facts_between
from kag.retrievers.base import Evidence, Hit, Mode, Step


async def evidence_of(
    base: KnowledgeBase, question: str, mode: Mode, result: list[dict[str, Any]]
) -> Evidence:
    """Fetches what the passages of a `result` are in the graph; what is gone meanwhile is left out."""
    result = [one for one in result if one.keys() >= {"id", "title", "score", "provenance"}]
    paths = {one["id"]: tuple(Step(**step) for step in one.get("path", ())) for one in result}
    on_paths = sorted({step.id for path in paths.values() for step in path if step.kind == "entity"})
    records = await base.store.get([*paths, *on_paths])
    hits = tuple(
        Hit(chunk, one["title"], one["provenance"][0]["uri"], one["score"], paths[one["id"]])
        for one in result
        if isinstance(chunk := records.get(one["id"]), Chunk)
    )
    entities = tuple(r for i in on_paths if isinstance(r := records.get(i), Entity))
    facts = await facts_between(base, entities, frozenset(paths))
    return Evidence(question, mode, hits, entities, facts)
