"""Retrievers: from a question to passages, with the path that explains each; one file a way of finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.retrievers.base import Mode, Searcher


def searcher(base: KnowledgeBase, mode: Mode = "graph") -> Searcher:
    """Makes the retriever that a search mode names.

    Args:
        base: Where to search.
        mode: `graph`, `hybrid`, `vector` or `keyword`.
    """
    if mode == "graph":
        from kag.retrievers.graph import GraphRetriever

        return GraphRetriever(base)
    from kag.retrievers.passage import PassageRetriever

    return PassageRetriever(base, mode)
