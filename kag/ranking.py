"""Pure functions over scores and rankings: fusion, the walk over a mention graph, order by coverage.

The walk is a personalised PageRank (Haveliwala 2002) over passages and the entities they mention, as in
HippoRAG 2 (arXiv 2502.14802) and LinearRAG (arXiv 2510.10114), without a language model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_NOTHING: frozenset[str] = frozenset()


def reciprocal_rank_fusion(rankings: Iterable[Sequence[str]], *, k: int = 60) -> dict[str, float]:
    """Fuses rankings by the sum of `1 / (k + rank)` (Cormack, Clarke and Buettcher, SIGIR 2009).

    Args:
        rankings: Ids, best first.
        k: Flattens the difference between the first ranks.

    Returns:
        Id to fused score, best first.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (k + rank)
    return best_first(scores)


def min_max(scores: Mapping[str, float]) -> dict[str, float]:
    """Scales scores to 0..1; equal scores all become 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    width = high - low
    return {item: (score - low) / width if width > 0 else 1.0 for item, score in scores.items()}


def weighted_fusion(parts: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Fuses score lists by the weighted sum of their min-max scaled scores; a missing item counts 0.

    Args:
        parts: Pairs of weight and scores.

    Returns:
        Id to fused score in 0..1 (where the weights sum to 1), best first.
    """
    fused: dict[str, float] = {}
    for weight, scores in parts:
        for item, score in min_max(scores).items():
            fused[item] = fused.get(item, 0.0) + weight * score
    return best_first(fused)


def best_first(scores: Mapping[str, float]) -> dict[str, float]:
    """Orders scores from the highest down; ties by id, so that the order is always the same."""
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class Bipartite:
    """Edges between passages and entities as parallel arrays of length `m`.

    Args:
        passages: Passage index of each edge, `(m,)`.
        entities: Entity index of each edge, `(m,)`.
        out: Weight of each edge from its passage, `(m,)`; a passage's weights are scaled to sum to 1.
        back: Weight of each edge from its entity, `(m,)`; an entity's weights are scaled to sum to 1.
        n_passages: How many passages there are.
        n_entities: How many entities there are.
    """

    passages: Ints
    entities: Ints
    out: Floats
    back: Floats
    n_passages: int
    n_entities: int


def walk(
    graph: Bipartite, seeds: Floats, entity_seeds: Floats, *, proceed: float = 0.85, steps: int = 4
) -> tuple[Floats, Floats]:
    """Spreads mass from seeds over the graph: each step goes on with `proceed`, else returns to the seeds.

    Args:
        graph: Passages, entities and the edges between them.
        seeds: Mass of each passage, `(n_passages,)`; together with `entity_seeds` it sums to 1.
        entity_seeds: Mass of each entity, `(n_entities,)`.
        proceed: Probability to go on along an edge.
        steps: Synchronous steps; few suffice, because mass beyond two passages explains nothing.

    Returns:
        Mass of passages `(n_passages,)` and of entities `(n_entities,)`.
    """
    out = _rows_to_one(graph.out, graph.passages, graph.n_passages)
    back = _rows_to_one(graph.back, graph.entities, graph.n_entities)
    passages, entities = seeds.copy(), entity_seeds.copy()
    for _ in range(steps):
        to_entities = np.bincount(graph.entities, passages[graph.passages] * out, graph.n_entities)
        to_passages = np.bincount(graph.passages, entities[graph.entities] * back, graph.n_passages)
        passages = (1 - proceed) * seeds + proceed * to_passages
        entities = (1 - proceed) * entity_seeds + proceed * to_entities
    return passages, entities


def _rows_to_one(weights: Floats, rows: Ints, n: int) -> Floats:
    sums = np.bincount(rows, weights, n)
    scaled: Floats = weights / np.maximum(sums[rows], 1e-12)
    return scaled


def order_by_coverage(
    scores: Mapping[str, float],
    words: Mapping[str, frozenset[str]],
    weights: Mapping[str, float],
    *,
    links: Mapping[str, Mapping[str, float]] | None = None,
    gain: float = 0.5,
    link: float = 0.0,
    pool: int = 40,
    k: int = 10,
) -> list[str]:
    """Orders items so that the first cover the question together, and hang together.

    Greedily by `score + gain * share of the question that is new + link * tie to those picked before`.

    Args:
        scores: Id to score in 0..1.
        words: Id to the words of the item.
        weights: Question word to its weight (such as idf).
        links: Id to what ties the item to others, each with its strength in 0..1.
        gain: What covering the whole question is worth, beside a score.
        link: What the strongest tie to an item picked before is worth.
        pool: How many of the best items are reordered.
        k: How many are picked greedily; the rest follow by score.

    Returns:
        All ids, best first.
    """
    ranked = list(best_first(scores))
    total = sum(weights.values())
    if not total:
        return ranked
    asked = {item: words.get(item, _NOTHING) & weights.keys() for item in ranked[:pool]}
    ties = links or {}
    left, missing, picked = ranked[:pool], set(weights), list[str]()
    tied: dict[str, float] = {}  # by what ties: its greatest strength among the picked

    def worth(item: str) -> float:
        new = sum(weights[word] for word in asked[item] & missing)
        bond = max((min(s, tied[to]) for to, s in ties.get(item, {}).items() if to in tied), default=0.0)
        return scores[item] + gain * new / total + link * bond

    while left and len(picked) < k:
        best = max(left, key=worth)
        left.remove(best)
        picked.append(best)
        missing -= asked[best]
        for to, strength in ties.get(best, {}).items():
            tied[to] = max(strength, tied.get(to, 0.0))
    return picked + left + ranked[pool:]


def diversify(
    scores: Mapping[str, float], likeness: Callable[[str, str], float], *, relevance: float = 0.7, k: int = 10
) -> list[str]:
    """Picks items that score well and are unlike those picked before, best first.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), on scores scaled to 0..1.

    Args:
        scores: Id to score.
        likeness: How like two items are, 0..1.
        relevance: What the score counts, 0..1; the rest is what being new counts. 1 is the order of scores.
        k: At most so many.
    """
    left = ranking = best_first(min_max(scores))
    nearest = dict.fromkeys(ranking, 0.0)
    picked: list[str] = []
    while left and len(picked) < k:
        best = max(left, key=lambda item: relevance * ranking[item] - (1 - relevance) * nearest[item])
        picked.append(best)
        left = {item: score for item, score in left.items() if item != best}
        for item in left:
            nearest[item] = max(nearest[item], likeness(best, item))
    return picked
