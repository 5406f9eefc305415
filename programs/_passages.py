"""The retriever of passages that a search mode names, as a module."""

from __future__ import annotations

from kag.errors import SearchError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.retrievers._retriever import TextRetriever
from kag.retrievers.base import MODES, Mode
from kag.retrievers.graph import GraphRetriever
from kag.retrievers.passage import PassageRetriever


def passages(
    base: KnowledgeBase, mode: Mode, *, k: int, field: str | None = None, name: str = "passages"
) -> TextRetriever:
    """Makes the module: the inputs and `result`, the passages for their words (those of `field`).

    Raises:
        SearchError: There is no such mode.
    """
    if mode not in MODES:
        raise SearchError(f"mode is {mode!r}; expected one of {', '.join(MODES)}.")
    if mode == "graph":
        return GraphRetriever(base, k=k, field=field, return_query=False, name=name)
    return PassageRetriever(base, mode, k=k, field=field, return_query=False, name=name)
