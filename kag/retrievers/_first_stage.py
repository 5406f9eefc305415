"""The first stage of every search: the lexical and the dense scores of passages, and their fusion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from kag import ranking
from kag.errors import SearchError
from kag.knowledge_bases.base import Scored, TextSearch, VectorSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document
from kag.retrievers.base import MAX_K, Hit, Mode, Search, Step

DENSE = 0.65  # share of the dense score in the fusion; the rest is BM25
POOL = 200  # candidates from each side


def collections_of(base: KnowledgeBase, search: Search) -> tuple[str, ...]:
    """The namespaces that a search looks in."""
    return search.collections or (base.collection,)


def check(search: Search) -> None:
    """Refuses a search that cannot be run."""
    if not search.text.strip():
        raise SearchError("The query is empty; give some words or a question.")
    if not 1 <= search.k <= MAX_K:
        raise SearchError(f"k is {search.k}; expected 1 to {MAX_K}.")


async def first_stage(base: KnowledgeBase, search: Search, mode: Mode = "hybrid") -> dict[str, float]:
    """Runs what a mode needs of the vector and the text search, side by side, and fuses them.

    Returns:
        Chunk id to score in 0..1, best first.
    """
    check(search)
    dense, lexical = await asyncio.gather(
        _dense(base, search) if mode != "keyword" else _nothing(),
        _lexical(base, search) if mode != "vector" else _nothing(),
    )
    if not dense or not lexical:
        return ranking.best_first(ranking.min_max(dense or lexical))
    return ranking.weighted_fusion(((DENSE, dense), (1 - DENSE, lexical)))


async def _nothing() -> dict[str, float]:
    return {}


async def _dense(base: KnowledgeBase, search: Search) -> dict[str, float]:
    vector = await base.embed_query(search.text)
    if vector is None:
        return {}
    found = await base.store.vector_search(
        VectorSearch(
            vector=vector,
            k=max(POOL, search.k),
            collections=collections_of(base, search),
            document_ids=search.document_ids,
        )
    )
    return _scores(found)


async def _lexical(base: KnowledgeBase, search: Search) -> dict[str, float]:
    found = await base.store.text_search(
        TextSearch(
            text=search.text,
            k=max(POOL, search.k),
            collections=collections_of(base, search),
            document_ids=search.document_ids,
        )
    )
    return _scores(found)


def _scores(found: Iterable[Scored]) -> dict[str, float]:
    return {item.id: item.score for item in found}


async def hits(
    base: KnowledgeBase, scores: Mapping[str, float], paths: Mapping[str, tuple[Step, ...]] | None = None
) -> tuple[Hit, ...]:
    """Fetches the passages of a ranking, with their documents' titles, in the ranking's order."""
    chunks = {i: c for i, c in (await base.store.get(list(scores))).items() if isinstance(c, Chunk)}
    documents = await base.store.get(sorted({c.document_id for c in chunks.values()}))
    found = []
    for item, score in scores.items():
        chunk = chunks.get(item)
        document = documents.get(chunk.document_id) if chunk else None
        if chunk is not None and isinstance(document, Document):
            found.append(Hit(chunk, document.title, document.uri, score, (paths or {}).get(item, ())))
    return tuple(found)
