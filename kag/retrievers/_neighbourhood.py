"""The part of the graph that a question touches: fetched from the store in a few batches, then walked over.

The walk is local: it follows only the passages and entities that hold most of the mass, so its cost does not
grow with the store. What is cut is bounded by `Weights.passages` and `Weights.entities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kag import ranking
from kag.knowledge_bases.base import Store
from kag.knowledge_bases.records import Mention


@dataclass(frozen=True, slots=True)
class Weights:
    """The walk's weights; the defaults are measured on several sets at once, none is fitted to one.

    Args:
        seeds: How many of the best passages seed the walk.
        sharpness: Power of the seeds' scores.
        entity_share: Share of the seed mass that the question's own entities get.
        title: Weight of the edge from a passage to its own title.
        title_back: Weight of the edge back: an entity leads first to the passages that are about it.
        asked: Factor for entities that stand in the question: they are known, so they lead nowhere new.
        proceed: Probability to go on along an edge.
        steps: Steps of the walk.
        first_stage: Share of the first stage in the final score.
        coverage: What covering the whole question is worth in the final order.
        max_share: Entities in a larger share of the passages lead nowhere and are left out.
        passages: So many passages, those with most mass, are walked on from.
        entities: So many entities, those with most mass, are walked on from.
    """

    seeds: int = 6
    sharpness: float = 4.0
    entity_share: float = 0.3
    title: float = 3.0
    title_back: float = 16.0
    asked: float = 0.1
    proceed: float = 0.85
    steps: int = 4
    first_stage: float = 0.35
    coverage: float = 0.7
    max_share: float = 0.05
    passages: int = 400
    entities: int = 800

    def back(self, mention: Mention) -> float:
        """Weight of the edge from an entity to a passage that mentions it, or that it is the title of."""
        return self.title_back if mention.kind == "title" else 1.0


MIN_DEGREE = 25  # in a small collection an entity may be in so many passages, whatever share that is
_UNKNOWN_DEGREE = 2  # of an entity whose passages have not been fetched yet


class Neighbourhood:
    """Passages and entities around a question, with the mass that the walk gives them.

    Args:
        total: How many passages the collections hold.
        weights: The walk's weights.
        seeds: Mass of the passages that the walk starts from, by id.
        asked: Mass of the entities that stand in the question, by id; with `seeds` it sums to 1.
    """

    def __init__(
        self, total: int, weights: Weights, seeds: Mapping[str, float], asked: Mapping[str, float]
    ) -> None:
        self.total = total
        self.weights = weights
        self.seeds = seeds
        self.asked = asked
        self.passages: dict[str, float] = dict(seeds)
        self.entities: dict[str, float] = dict(asked)
        self._edges: dict[tuple[str, str], int] = {}
        self._mentions: list[Mention] = []
        self._rows: list[
            tuple[int, int]
        ] = []  # passage and entity of each edge, by their places in the dicts
        self._passage_at = {passage: i for i, passage in enumerate(seeds)}
        self._entity_at = {entity: i for i, entity in enumerate(asked)}
        self._degrees: dict[str, int] = {}

    async def grow(self, store: Store) -> None:
        """Fetches the neighbourhood, step by step where the mass goes, and walks over it."""
        stepped: set[str] = set()
        seen: set[str] = set()
        frontier, asked = list(self.seeds), list(self.asked)
        for _ in range(self.weights.steps // 2):
            self._add(await store.mentions(chunk_ids=frontier))
            seen.update(frontier)
            self._walk()
            heavy = _heaviest(self.entities, self.weights.entities, stepped)
            entities = list(dict.fromkeys([*heavy, *asked]))
            await self._step(store, entities)
            stepped.update(entities)
            self._walk()
            frontier, asked = _heaviest(self.passages, self.weights.passages, seen), []
        for entity in self._entity_at.keys() - stepped:
            self._degrees[entity] = 0  # its passages are not known, so it leads nowhere
        self._walk()

    @property
    def mentions(self) -> list[Mention]:
        """The edges that the walk went over."""
        return [m for m in self._mentions if self._degrees.get(m.entity_id, _UNKNOWN_DEGREE) > 1]

    async def _step(self, store: Store, entities: Sequence[str]) -> None:
        """Steps from entities to all their passages; those in too many, or in one only, lead nowhere."""
        most = max(MIN_DEGREE, int(self.weights.max_share * self.total))
        found = await store.mentions(entity_ids=entities, max_degree=most)
        around: dict[str, set[str]] = {entity: set() for entity in entities}
        for mention in found:
            around[mention.entity_id].add(mention.chunk_id)
        self._degrees.update({entity: len(chunks) for entity, chunks in around.items()})
        self._add(m for m in found if self._degrees[m.entity_id] > 1)

    def _add(self, mentions: Iterable[Mention]) -> None:
        """Adds edges; a passage and an entity have one, and a title goes before a mention."""
        for mention in mentions:
            key = (mention.chunk_id, mention.entity_id)
            at = self._edges.setdefault(key, len(self._mentions))
            if at < len(self._mentions):
                if mention.kind == "title":
                    self._mentions[at] = mention
                continue
            self._mentions.append(mention)
            passage = self._passage_at.setdefault(mention.chunk_id, len(self._passage_at))
            entity = self._entity_at.setdefault(mention.entity_id, len(self._entity_at))
            self._rows.append((passage, entity))

    def _walk(self) -> None:
        """Walks over what is there; sets the mass of passages and of entities."""
        rows = np.array(self._rows, dtype=np.int64).reshape(-1, 2)
        degrees = np.array([self._degrees.get(e, _UNKNOWN_DEGREE) for e in self._entity_at], dtype=np.float64)
        titles = np.array([m.kind == "title" for m in self._mentions], dtype=bool)
        weights, entities = self.weights, rows[:, 1]
        leads = (degrees > 1)[entities]
        known = np.where(np.arange(len(degrees)) < len(self.asked), weights.asked, 1.0)
        out = (np.sqrt(_rarities(degrees, self.total)) * known)[entities]
        graph = ranking.Bipartite(
            passages=rows[:, 0],
            entities=entities,
            out=out * np.where(titles, weights.title, 1.0) * leads,
            back=np.where(titles, weights.title_back, 1.0) * leads,
            n_passages=len(self._passage_at),
            n_entities=len(self._entity_at),
        )
        walked = ranking.walk(
            graph,
            _padded(self.seeds.values(), len(self._passage_at)),
            _padded(self.asked.values(), len(self._entity_at)),
            proceed=weights.proceed,
            steps=weights.steps,
        )
        self.passages = dict(zip(self._passage_at, walked[0].tolist(), strict=True))
        self.entities = dict(zip(self._entity_at, walked[1].tolist(), strict=True))


def rarity(degree: int, total: int) -> float:
    """Inverse document frequency scaled to 0..1."""
    return float(_rarities(np.array([degree], dtype=np.float64), total)[0])


def _rarities(degrees: ranking.Floats, total: int) -> ranking.Floats:
    scaled: ranking.Floats = np.log1p(total / (degrees + 0.5)) / np.log1p(total / 0.5)
    return scaled


def _padded(values: Iterable[float], size: int) -> ranking.Floats:
    row = np.fromiter(values, dtype=np.float64)
    return np.pad(row, (0, size - len(row)))


def _heaviest(mass: Mapping[str, float], most: int, seen: set[str]) -> list[str]:
    ranked = sorted((item for item in mass if item not in seen), key=lambda item: (-mass[item], item))
    return ranked[:most]
