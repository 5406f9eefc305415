"""Passages by a walk over the graph: what the best passages mention leads to others that complete the answer.

Without a language model: a personalised PageRank over passages and the entities they mention, started from
few, sharp seeds, mixed with the first stage, and ordered so that the first passages cover the question
together. The idea is that of HippoRAG 2 (arXiv 2502.14802) and LinearRAG (arXiv 2510.10114); what each part
is worth is measured by `benchmarks/retrieval.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, islice

from kag import ranking, text
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Entity
from kag.retrievers import _question as question
from kag.retrievers._first_stage import collections_of, first_stage, hits
from kag.retrievers._neighbourhood import Neighbourhood, Weights, rarity
from kag.retrievers._paths import explain
from kag.retrievers.base import Evidence, Search

_POOL = 40  # passages whose order is decided by coverage


class GraphRetriever:
    """Finds the passages that answer a question together, each with the path that led to it.

    Use it for questions whose answer stands in several documents; on others it does no worse than
    `PassageRetriever`.

    Args:
        knowledge_base: Where to search.
        weights: The walk's weights.
    """

    def __init__(self, knowledge_base: KnowledgeBase, weights: Weights | None = None) -> None:
        self.knowledge_base = knowledge_base
        self.weights = weights or Weights()

    async def search(self, search: Search) -> Evidence:
        """Finds the best passages for a question, best first."""
        base = self.knowledge_base
        fused = await first_stage(base, search)
        if not fused:
            return Evidence(search.text, "graph", ())
        graph = await self._walked(search, fused)
        scores = self._mixed(graph, fused)
        if search.document_ids:
            scores = {item: score for item, score in scores.items() if item in fused}
        best = dict(islice((await self._ordered(search, scores)).items(), search.k))
        explained = await explain(base, graph, search.text, list(best))
        return Evidence(
            search.text, "graph", await hits(base, best, explained.paths), explained.entities, explained.facts
        )

    async def _walked(self, search: Search, fused: Mapping[str, float]) -> Neighbourhood:
        """Walks from the best passages and from the entities that stand in the question."""
        base, weights = self.knowledge_base, self.weights
        names = collections_of(base, search)
        total = (await base.store.statistics(names)).chunks
        asked = await self._asked(search, total)
        share = weights.entity_share if asked else 0.0
        best = list(islice(fused.items(), weights.seeds + 1))
        floor = best[-1][1] if len(best) > weights.seeds else 0.0
        sharp = {item: (score - floor) ** weights.sharpness for item, score in best[: weights.seeds]}
        graph = Neighbourhood(
            total=total,
            weights=weights,
            seeds=_scaled(sharp, 1 - share),
            asked=_scaled(asked, share),
        )
        await graph.grow(base.store)
        return graph

    async def _asked(self, search: Search, total: int) -> dict[str, float]:
        """The entities that stand in the question, by id, with the square of their rarity."""
        base = self.knowledge_base
        found = await base.store.lookup(collections_of(base, search), question.names_in(search.text))
        entities: dict[str, Entity] = {e.id: e for same in found.values() for e in same}
        return {e.id: rarity(e.degree, total) ** 2 for e in entities.values() if e.degree}

    def _mixed(self, graph: Neighbourhood, fused: Mapping[str, float]) -> dict[str, float]:
        """Mixes the walk's mass, flattened, with the first stage."""
        walked = ranking.min_max({item: mass**0.7 for item, mass in graph.passages.items()})
        share = self.weights.first_stage
        items = dict.fromkeys([*fused, *walked])
        return {i: share * fused.get(i, 0.0) + (1 - share) * walked.get(i, 0.0) for i in items}

    async def _ordered(self, search: Search, scores: Mapping[str, float]) -> dict[str, float]:
        """Orders passages so that the first cover the question's words together; scores never rise."""
        ranked = ranking.best_first(scores)
        pool = await self.knowledge_base.store.get(list(islice(ranked, _POOL)))
        words = {i: frozenset(text.words(c.text)) for i, c in pool.items() if isinstance(c, Chunk)}
        asked = question.word_weights(search.text, list(words.values()))
        order = ranking.order_by_coverage(
            ranked, words, asked, gain=self.weights.coverage, pool=_POOL, k=max(10, search.k)
        )
        return dict(zip(order, accumulate((ranked[item] for item in order), min), strict=True))


def _scaled(values: Mapping[str, float], total: float) -> dict[str, float]:
    """Scales values so that they sum to `total`; equal parts where they are all zero."""
    whole = sum(values.values())
    if not whole:
        return {item: total / len(values) for item in values}
    return {item: total * value / whole for item, value in values.items()}
