"""Passages by words, by vectors, or by both: the search that needs no graph."""

from __future__ import annotations

from itertools import islice
from typing import Literal

from kag.errors import SearchError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.retrievers._first_stage import first_stage, hits
from kag.retrievers.base import Evidence, Search


class PassageRetriever:
    """Finds passages: `hybrid` fuses BM25 and cosine, `vector` and `keyword` take one alone.

    Use it for questions that one passage answers; `GraphRetriever` is for those that need several.

    Args:
        knowledge_base: Where to search.
        mode: `hybrid`, `vector` or `keyword`.

    Source: min-max fusion beat rank fusion on every set of `benchmarks/retrieval.py`.
    """

    def __init__(
        self, knowledge_base: KnowledgeBase, mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    ) -> None:
        if mode not in ("hybrid", "vector", "keyword"):
            raise SearchError(f"mode is {mode!r}; expected hybrid, vector or keyword.")
        self.knowledge_base = knowledge_base
        self.mode = mode

    async def search(self, search: Search) -> Evidence:
        """Finds the best passages for a text, best first."""
        fused = await first_stage(self.knowledge_base, search, self.mode)
        best = dict(islice(fused.items(), search.k))
        return Evidence(search.text, self.mode, await hits(self.knowledge_base, best))
