"""The shortest ways through the graph between the entities that a question names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from typing import Unpack

from kag.errors import ProgramError
from kag.graph.window import sliding
from kag.knowledge_bases.base import Path
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Entity
from kag.retrievers import _shapes as shapes
from kag.retrievers._entities import Likely, link
from kag.retrievers._items import fact_items, named, rounded
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.schema.values import Json

_ENTITIES = 5  # that one name may mean
_NAMES = 5  # of a question that are joined, each with each
_AT_ONCE = 4

Pair = tuple[Sequence[Likely], Sequence[Likely]]


class PathRetriever(TextRetriever):
    """Finds how the entities that the inputs name hang together; needs no model.

    Gives the inputs, `search` (the words) and `result`: paths with their `entities`, the `relations` that
    join them (in either direction), `score` and `provenance`. A score is the likeness of the ends, divided by
    the number of relations. Inputs that name fewer than two entities have no paths.

    Args:
        knowledge_base: Where to search.
        max_hops: Longest path, 1 to 6 relations.
        relation_types: Only over these types, where given.
        **options: As for all retrievers of words: `k` (10), `threshold` (0), `field`, `return_inputs`,
            `return_query`, `name`, `description`.

    Raises:
        ProgramError: An argument cannot be used.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        max_hops: int = 4,
        *,
        relation_types: Sequence[str] = (),
        **options: Unpack[TextOptions],
    ) -> None:
        super().__init__(knowledge_base, **options)
        if not isinstance(max_hops, int) or isinstance(max_hops, bool) or not 1 <= max_hops <= 6:
            raise ProgramError(f"max_hops of {self!r} must be a whole number from 1 to 6; got {max_hops!r}.")
        if isinstance(relation_types, str) or not all(isinstance(each, str) for each in relation_types):
            raise ProgramError(
                f"relation_types of {self!r} must be a list of strings; got {relation_types!r}."
            )
        self.max_hops = max_hops
        self.relation_types = tuple(relation_types)

    @property
    def item_schema(self) -> Json:
        """A path."""
        return shapes.PATH

    async def find(self, text: str) -> list[Json]:
        """The shortest paths between what some words name, best first."""
        linked = await link(self.knowledge_base, text, k=_ENTITIES, threshold=1.0)
        pairs = combinations(linked[:_NAMES], 2)
        found = [path for some in await sliding(self._between, pairs, _AT_ONCE) for path in some]
        best = sorted(found, key=lambda item: (-item[1], item[0].entity_ids))
        return await self._items([item for item in best if item[1] >= self.threshold][: self.k])

    async def _between(self, pair: Pair) -> list[tuple[Path, float]]:
        likeness = {entity.id: score for group in pair for entity, score in group}
        paths = await self.knowledge_base.store.paths(
            [entity.id for entity, _ in pair[0]],
            [entity.id for entity, _ in pair[1]],
            max_hops=self.max_hops,
            limit=self.k,
            relation_types=self.relation_types,
        )
        return [
            (path, sqrt(likeness[path.entity_ids[0]] * likeness[path.entity_ids[-1]]) / len(path.relations))
            for path in paths
            if path.relations
        ]

    async def _items(self, found: Sequence[tuple[Path, float]]) -> list[Json]:
        store = self.knowledge_base.store
        records = await store.get(sorted({i for path, _ in found for i in path.entity_ids}))
        relations = {r.id: (r, score) for path, score in reversed(found) for r in path.relations}
        facts = {item["id"]: item for item in await fact_items(store, list(relations.values()))}
        items = []
        for path, score in found:
            steps = [records.get(i) for i in path.entity_ids]
            if all(r.id in facts for r in path.relations):
                joined = [facts[r.id] for r in path.relations]
                items.append(
                    {
                        "entities": [named(step) for step in steps if isinstance(step, Entity)],
                        "relations": joined,
                        "score": rounded(score),
                        "provenance": [source for fact in joined for source in fact["provenance"][:1]],
                    }
                )
        return items
