"""Passages by a walk over the graph: what the best passages mention leads to others that complete the answer.

Without a language model: a personalised PageRank over passages and the entities they mention, started from
few, sharp seeds, mixed with the first stage, and ordered so that the first passages cover the question
together. The idea is that of HippoRAG 2 (arXiv 2502.14802) and LinearRAG (arXiv 2510.10114); what each part
is worth is measured by `benchmarks/retrieval.py`.
"""

from __future__ import annotations

from typing import Unpack

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.retrievers import _shapes as shapes
from kag.retrievers._graph_search import GraphSearch
from kag.retrievers._items import passage_items
from kag.retrievers._neighbourhood import Weights
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.retrievers.base import Evidence, Search
from kag.schema.values import Json


class GraphRetriever(TextRetriever):
    """Finds the passages that answer a question together, each with the path that led to it.

    Use it for questions whose answer stands in several documents; on others it does no worse than
    `PassageRetriever`. As a module it gives the inputs, `search` (the words) and `result`: passages with
    `id`, `title`, `text`, `score`, `provenance` and the `path` that led there.

    Args:
        knowledge_base: Where to search.
        weights: The walk's weights.
        **options: As for all retrievers of words: `k` (10), `threshold` (0; scores are relative within one
            search), `field`, `return_inputs`, `return_query`, `name`, `description`.
    """

    def __init__(
        self, knowledge_base: KnowledgeBase, weights: Weights | None = None, **options: Unpack[TextOptions]
    ) -> None:
        super().__init__(knowledge_base, **options)
        self.weights = weights or Weights()

    @property
    def item_schema(self) -> Json:
        """A passage."""
        return shapes.PASSAGE

    async def find(self, text: str) -> list[Json]:
        """The best passages for some words, with their paths."""
        return passage_items(await self.search(Search(text, k=self.k)), self.threshold)

    async def search(self, search: Search) -> Evidence:
        """Finds the best passages for a question, best first."""
        return await GraphSearch(self.knowledge_base, self.weights, search).run()
