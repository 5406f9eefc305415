"""One search over the graph: first stage, walk, mix, order by coverage, explanation.

Without a language model: a personalised PageRank over passages and the entities they mention, started from
few, sharp seeds, mixed with the first stage, and ordered so that the first passages cover the question
together. The idea is that of HippoRAG 2 (arXiv 2502.14802) and LinearRAG (arXiv 2510.10114); what each part
is worth is measured by `benchmarks/retrieval.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate, islice

from kag import ranking
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Entity
from kag.retrievers import _question as question
from kag.retrievers._first_stage import collections_of, first_stage, hits
from kag.retrievers._neighbourhood import Edge, Neighbourhood, Weights, rarity
from kag.retrievers._paths import explain
from kag.retrievers.base import Evidence, Search

_POOL = 40  # passages whose order is decided by coverage


class GraphSearch:
    """One search over the graph.

    Args:
        base: Where to search.
        weights: The walk's weights.
        search: What to find.
    """

    def __init__(self, base: KnowledgeBase, weights: Weights, search: Search) -> None:
        self.base, self.weights, self.search = base, weights, search
        self._texts: dict[str, str] = {}

    async def run(self) -> Evidence:
        """Finds the best passages for the question, best first."""
        base, search = self.base, self.search
        fused = await first_stage(base, search)
        if not fused:
            return Evidence(search.text, "graph", ())
        graph = await self._walked(fused)
        scores = self._mixed(graph, fused)
        if search.document_ids:
            scores = {item: score for item, score in scores.items() if item in fused}
        best = dict(islice((await self._ordered(graph, scores)).items(), search.k))
        explained = await explain(base, graph, search.text, list(best))
        found = await hits(base, best, explained.paths)
        return Evidence(search.text, "graph", found, explained.entities, explained.facts)

    async def _walked(self, fused: Mapping[str, float]) -> Neighbourhood:
        """Walks from the best passages and from the entities that stand in the question."""
        total = (await self.base.store.statistics(collections_of(self.base, self.search))).chunks
        asked = await self._asked(total)
        share = self.weights.entity_share if asked else 0.0
        seeds = self._seeds(fused)
        words = await self._words(islice(fused, _POOL))

        def fit(edge: Edge) -> float:
            if edge.chunk_id not in seeds:
                return 0.0
            if edge.title:
                return words.best_share(edge.chunk_id)
            return words.share_at(edge.chunk_id, edge.start)

        graph = Neighbourhood(
            total, self.weights, seeds=_scaled(seeds, 1 - share), asked=_scaled(asked, share), fit=fit
        )
        await graph.grow(self.base.store)
        return graph

    def _seeds(self, fused: Mapping[str, float]) -> dict[str, float]:
        """The few best passages; what counts is how far they stand above the next one."""
        best = list(islice(fused.items(), self.weights.seeds + 1))
        floor = best[-1][1] if len(best) > self.weights.seeds else 0.0
        return {i: (score - floor) ** self.weights.sharpness for i, score in best[: self.weights.seeds]}

    async def _asked(self, total: int) -> dict[str, float]:
        """The entities that stand in the question, by id, with the square of their rarity."""
        names = question.names_in(self.search.text)
        found = await self.base.store.lookup(collections_of(self.base, self.search), names)
        entities: dict[str, Entity] = {e.id: e for same in found.values() for e in same}
        return {e.id: rarity(e.degree, total) ** 2 for e in entities.values() if e.degree}

    def _mixed(self, graph: Neighbourhood, fused: Mapping[str, float]) -> dict[str, float]:
        """Mixes the walk's mass, flattened, with the first stage."""
        power, share = self.weights.flatten, self.weights.first_stage
        walked = ranking.min_max({item: mass**power for item, mass in graph.passages.items()})
        mixed = {item: share * score for item, score in fused.items()}
        for item, score in walked.items():
            mixed[item] = mixed.get(item, 0.0) + (1 - share) * score
        return mixed

    async def _ordered(self, graph: Neighbourhood, scores: Mapping[str, float]) -> dict[str, float]:
        """Orders passages so that the first cover the question's words together; scores never rise."""
        ranked = ranking.best_first(scores)
        pool = list(islice(ranked, _POOL))
        words = await self._words(pool)
        order = ranking.order_by_coverage(
            ranked,
            words.of_passages,
            words.weights,
            links=graph.links(pool),
            gain=self.weights.coverage,
            link=self.weights.link,
            pool=_POOL,
            k=max(10, self.search.k),
        )
        return dict(zip(order, accumulate((ranked[item] for item in order), min), strict=True))

    async def _words(self, passages: Iterable[str]) -> question.Words:
        """Where the question's words stand in some passages."""
        wanted = list(passages)
        missing = [i for i in wanted if i not in self._texts]
        for i, chunk in (await self.base.store.get(missing)).items() if missing else ():
            if isinstance(chunk, Chunk):
                self._texts[i] = chunk.text
        return question.Words(self.search.text, {i: self._texts[i] for i in wanted if i in self._texts})


def _scaled(values: Mapping[str, float], total: float) -> dict[str, float]:
    """Scales values so that they sum to `total`; equal parts where they are all zero."""
    whole = sum(values.values())
    if not whole:
        return {item: total / len(values) for item in values}
    return {item: total * value / whole for item, value in values.items()}
