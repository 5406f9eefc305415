"""Passages by words, by vectors, or by both: the search that needs no graph."""

from __future__ import annotations

from itertools import islice
from typing import Literal, Unpack

from kag.errors import SearchError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.retrievers import _shapes as shapes
from kag.retrievers._first_stage import first_stage, hits
from kag.retrievers._items import passage_items
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.retrievers.base import Evidence, Search
from kag.schema.values import Json


class PassageRetriever(TextRetriever):
    """Finds passages: `hybrid` fuses BM25 and cosine, `vector` and `keyword` take one alone.

    Use it for questions that one passage answers; `GraphRetriever` is for those that need several. As a
    module it gives the inputs, `search` (the words) and `result`: passages with `id`, `title`, `text`,
    `score` and `provenance`.

    Args:
        knowledge_base: Where to search.
        mode: `hybrid`, `vector` or `keyword`.
        **options: As for all retrievers of words: `k` (10), `threshold` (0; scores are relative to the best
            of a search, which has 1), `field`, `return_inputs`, `return_query`, `name`, `description`.

    Source: min-max fusion beat rank fusion on every set of `benchmarks/retrieval.py`.

    Example:
        >>> found = await PassageRetriever(knowledge_base=base)(Query(query="Who built the engine?"))
        >>> found.get("result")[0]["title"]
        'Charles Babbage'
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        mode: Literal["hybrid", "vector", "keyword"] = "hybrid",
        **options: Unpack[TextOptions],
    ) -> None:
        super().__init__(knowledge_base, **options)
        if mode not in ("hybrid", "vector", "keyword"):
            raise SearchError(f"mode is {mode!r}; expected hybrid, vector or keyword.")
        self.mode = mode

    @property
    def item_schema(self) -> Json:
        """A passage."""
        return shapes.PASSAGE

    async def search(self, search: Search) -> Evidence:
        """Finds the best passages for a text, best first."""
        fused = await first_stage(self.knowledge_base, search, self.mode)
        best = dict(islice(fused.items(), search.k))
        return Evidence(search.text, self.mode, await hits(self.knowledge_base, best))

    async def find(self, text: str) -> list[Json]:
        """The best passages for some words."""
        return passage_items(await self.search(Search(text, k=self.k)), self.threshold)
