"""Passages by whichever way of searching suits the question and the graph.

Tried and left out: `keyword` where the best passage holds nearly all words of the question. It gains half a
point on questions that one passage answers (chunking472), and loses as much on the multi-hop sets.
"""

from __future__ import annotations

import re
from typing import Unpack

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.retrievers import _shapes as shapes
from kag.retrievers import searcher
from kag.retrievers._first_stage import check, collections_of
from kag.retrievers._items import passage_items
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.retrievers.base import Evidence, Mode, Search
from kag.schema.values import Json

_EXACT = re.compile(
    r'\s*(?:"[^"]+"|“[^”]+”|`[^`]+`|\S*[\d_./:\\]\S*)\s*'
)  # a quotation, or one such as `E0382`


class AutoRetriever(TextRetriever):
    """Finds passages by `graph`, or by `hybrid` where nothing can be walked over or one thing is looked up.

    It takes `hybrid` where no passage names anything, and for a quotation or an identifier alone; else
    `graph`, the best single way on all multi-hop sets of `benchmarks/retrieval.py`. As a module it gives the
    inputs, `search` (the words) and `result`: passages as `GraphRetriever` does.

    Args:
        knowledge_base: Where to search.
        **options: As for all retrievers of words: `k` (10), `threshold` (0; scores are relative within one
            search), `field`, `return_inputs`, `return_query`, `name`, `description`.
    """

    def __init__(self, knowledge_base: KnowledgeBase, **options: Unpack[TextOptions]) -> None:
        super().__init__(knowledge_base, **options)

    @property
    def item_schema(self) -> Json:
        """A passage."""
        return shapes.PASSAGE

    async def find(self, text: str) -> list[Json]:
        """The best passages for some words, with their paths where the graph led there."""
        return passage_items(await self.search(Search(text, k=self.k)), self.threshold)

    async def search(self, search: Search) -> Evidence:
        """Finds the best passages for a question, best first; the evidence says by which mode."""
        check(search)
        return await searcher(self.knowledge_base, await self.choose(search)).search(search)

    async def choose(self, search: Search) -> Mode:
        """The mode that suits a search."""
        if _EXACT.fullmatch(search.text):
            return "hybrid"
        base = self.knowledge_base
        held = await base.store.statistics(collections_of(base, search))
        if not held.mentions:
            return "hybrid"
        return "graph"
