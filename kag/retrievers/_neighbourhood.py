"""The part of the graph that a question touches: fetched from the store in a few batches, then walked over.

The walk is local: only the passages and entities that hold most of the mass are stepped from, so its cost
does not grow with the store. What is cut is bounded by `passages`, `entities` and `edges` of `Weights`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kag import ranking
from kag.knowledge_bases.base import Neighbour, Store

MIN_DEGREE = 25  # in a small collection an entity may be in so many passages, whatever share that is
_ROUNDS = 2  # steps to entities and on to passages: mass beyond two bridges explains nothing
_MENTIONED = 0.4  # what a mention ties a passage to an entity, beside a title
_SHARES = {"Date": 0.3, "Term": 0.5}  # of labels that tie passages together less than names do


class Edge(NamedTuple):
    """A passage names an entity."""

    chunk_id: str
    entity_id: str
    title: bool
    start: int


@dataclass(frozen=True, slots=True)
class Weights:
    """The walk's weights; the defaults are measured on several sets at once, none is fitted to one.

    Args:
        seeds: How many of the best passages seed the walk.
        sharpness: Power of the seeds' scores.
        entity_share: Share of the seed mass that the question's own entities get.
        sentence: How much an entity gains where the sentence that names it holds the question's words: the
            edge is weighted by `exp(sentence * share of the words)`.
        title: Weight of the edge from a passage to its own title.
        title_back: Weight of the edge back: an entity leads first to the passages that are about it.
        asked: Factor for entities that stand in the question: they are known, so they lead nowhere new.
        labels: Factors for entities by their label; 1 for others.
        proceed: Probability to go on along an edge.
        steps: Steps of the walk.
        flatten: Power of the walk's mass before it is mixed with the first stage.
        first_stage: Share of the first stage in the final score.
        coverage: What covering the whole question is worth in the final order.
        link: What sharing a rare entity with the passages before is worth in the final order.
        max_share: Entities in a larger share of the passages lead nowhere and are left out.
        passages: So many passages, those with most mass, are stepped from in each round.
        entities: So many entities, those with most mass, are stepped from in each round.
        edges: As long as they lead to no more passages than this, all together.
    """

    seeds: int = 6
    sharpness: float = 6.0
    entity_share: float = 0.3
    sentence: float = 2.0
    title: float = 3.0
    title_back: float = 16.0
    asked: float = 0.3
    labels: Mapping[str, float] = field(default_factory=lambda: dict(_SHARES))
    proceed: float = 0.85
    steps: int = 6
    flatten: float = 0.5
    first_stage: float = 0.4
    coverage: float = 0.8
    link: float = 0.1
    max_share: float = 0.05
    passages: int = 30
    entities: int = 60
    edges: int = 300

    def back(self, edge: Edge) -> float:
        """Weight of the edge from an entity to a passage that mentions it, or that it is the title of."""
        return self.title_back if edge.title else 1.0


class Neighbourhood:
    """Passages and entities around a question, with the mass that the walk gives them.

    Args:
        total: How many passages the collections hold.
        weights: The walk's weights.
        seeds: Mass of the passages that the walk starts from, by id.
        asked: Mass of the entities that stand in the question, by id; with `seeds` it sums to 1.
        fit: How well the sentence that holds an edge's mention fits the question: 0..1.
    """

    def __init__(
        self,
        total: int,
        weights: Weights,
        seeds: Mapping[str, float],
        asked: Mapping[str, float],
        fit: Callable[[Edge], float],
    ) -> None:
        self.total = total
        self.weights = weights
        self.seeds = seeds
        self.asked = asked
        self.fit = fit
        self.passages: dict[str, float] = dict(seeds)
        self.entities: dict[str, float] = dict(asked)
        self.edges: dict[tuple[str, str], Edge] = {}
        self._passage_at = {passage: i for i, passage in enumerate(seeds)}
        self._entity_at = {entity: i for i, entity in enumerate(asked)}
        self._factors: dict[str, float] = {}
        self._degrees: dict[str, int] = {}
        self._rows: list[int] = []  # the passage of each edge, in the order of `edges`
        self._columns: list[int] = []  # its entity
        self._out: list[float] = []
        self._back: list[float] = []

    async def grow(self, store: Store) -> None:
        """Fetches the neighbourhood, step by step where the mass goes, and walks over it."""
        most = max(MIN_DEGREE, int(self.weights.max_share * self.total))
        seen: set[str] = set()
        stepped: set[str] = set()
        passages, entities = list(self.seeds), list(self.asked)
        for _ in range(_ROUNDS):
            self._name(await store.neighbours(chunk_ids=passages), most)
            seen.update(passages)
            self._walk()
            entities += self._affordable(stepped.union(entities))
            self._mention(await store.neighbours(entity_ids=entities, most=most))
            stepped.update(entities)
            self._walk()
            passages, entities = _heaviest(self.passages, self.weights.passages, seen), []
        self._forget(stepped)
        self._walk()

    def _affordable(self, stepped: set[str]) -> list[str]:
        """The heaviest entities that are not stepped from yet, as long as their passages are not too many."""
        chosen, cost = [], 0
        for entity in _heaviest(self.entities, self.weights.entities, stepped):
            cost += self._degrees.get(entity, 0)
            if cost <= self.weights.edges:
                chosen.append(entity)
            else:
                cost -= self._degrees.get(entity, 0)
        return chosen

    def _name(self, found: Mapping[str, tuple[Neighbour, ...]], most: int) -> None:
        """Adds what passages name; an entity in too many of them, or in one only, leads nowhere."""
        for chunk_id, entities in found.items():
            for entity in entities:
                if 1 < entity.degree <= most:
                    self._degrees[entity.id] = entity.degree
                    self._factors.setdefault(entity.id, self._factor(entity.id, entity.degree, entity.label))
                    self._add(Edge(chunk_id, entity.id, entity.title, entity.start))

    def _mention(self, found: Mapping[str, tuple[Neighbour, ...]]) -> None:
        """Adds where entities are named."""
        for entity_id, chunks in found.items():
            if len(chunks) > 1:
                self._factors.setdefault(entity_id, self._factor(entity_id, len(chunks), ""))
                for chunk in chunks:
                    self._add(Edge(chunk.id, entity_id, chunk.title, chunk.start))

    def _factor(self, entity_id: str, degree: int, label: str) -> float:
        """What makes an entity telling: it is rare, of a telling kind, and not what is known already."""
        known = self.weights.asked if entity_id in self.asked else 1.0
        return known * self.weights.labels.get(label, 1.0) * math.sqrt(rarity(degree, self.total))

    def _add(self, edge: Edge) -> None:
        key = (edge.chunk_id, edge.entity_id)
        if key in self.edges:
            return
        self.edges[key] = edge
        weights = self.weights
        out = self._factors[edge.entity_id] * math.exp(weights.sentence * self.fit(edge))
        self._rows.append(self._passage_at.setdefault(edge.chunk_id, len(self._passage_at)))
        self._columns.append(self._entity_at.setdefault(edge.entity_id, len(self._entity_at)))
        self._out.append(out * (weights.title if edge.title else 1.0))
        self._back.append(weights.back(edge))

    def _forget(self, stepped: set[str]) -> None:
        """Leaves out entities that were not stepped from: where else they stand is not known."""
        kept = [i for i, edge in enumerate(self.edges.values()) if edge.entity_id in stepped]
        self._rows = [self._rows[i] for i in kept]
        self._columns = [self._columns[i] for i in kept]
        self._out = [self._out[i] for i in kept]
        self._back = [self._back[i] for i in kept]
        self.edges = {key: edge for key, edge in self.edges.items() if edge.entity_id in stepped}

    def _walk(self) -> None:
        """Walks over what is there; sets the mass of passages and of entities."""
        walked = ranking.walk(
            ranking.Bipartite(
                passages=np.array(self._rows, dtype=np.int64),
                entities=np.array(self._columns, dtype=np.int64),
                out=np.array(self._out, dtype=np.float64),
                back=np.array(self._back, dtype=np.float64),
                n_passages=len(self._passage_at),
                n_entities=len(self._entity_at),
            ),
            _padded(self.seeds.values(), len(self._passage_at)),
            _padded(self.asked.values(), len(self._entity_at)),
            proceed=self.weights.proceed,
            steps=self.weights.steps,
        )
        self.passages = dict(zip(self._passage_at, walked[0].tolist(), strict=True))
        self.entities = dict(zip(self._entity_at, walked[1].tolist(), strict=True))

    def links(self, passages: Iterable[str]) -> dict[str, dict[str, float]]:
        """How strongly some passages are tied to their entities, 0..1: by title, or less by a mention."""
        tied: dict[str, dict[str, float]] = {passage: {} for passage in passages}
        for edge in self.edges.values():
            if edge.chunk_id in tied:
                strength = self._factors[edge.entity_id] ** 2 * (1.0 if edge.title else _MENTIONED)
                tied[edge.chunk_id][edge.entity_id] = strength
        return tied


def rarity(degree: int, total: int) -> float:
    """Inverse document frequency scaled to 0..1."""
    return math.log1p(total / (degree + 0.5)) / math.log1p(total / 0.5)


def _padded(values: Iterable[float], size: int) -> ranking.Floats:
    row = np.fromiter(values, dtype=np.float64)
    return np.pad(row, (0, size - len(row)))


def _heaviest(mass: Mapping[str, float], most: int, seen: set[str]) -> list[str]:
    left = ((-value, item) for item, value in mass.items() if item not in seen and value > 0)
    return [item for _, item in heapq.nsmallest(most, left)]
