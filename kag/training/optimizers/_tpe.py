"""Tree-structured Parzen estimator over categorical choices, in plain Python.

Bergstra et al., Algorithms for Hyper-Parameter Optimization (NeurIPS 2011), section 4, in the multivariate
form of Falkner et al., BOHB (arXiv 1807.01774): what was tried is split into good and other points, each set
is a mixture of one kernel a point, and the next point is the one of some draws from the good mixture at which
the good one is densest relative to the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

Point = tuple[int, ...]

_DRAWS = 32
_GOOD = 0.2
"""Share of the points that is good."""
_MOST = 64
"""Kernels of a mixture, at most."""
_PRIOR = 1.0
"""Weight of the uniform distribution in a kernel."""


def suggest(counts: Sequence[int], seen: Sequence[tuple[Point, float]], random: Random) -> Point | None:
    """The point to try next; None if none that was drawn is more promising than the best one known.

    Args:
        counts: How many choices each parameter has.
        seen: Points that were tried, each once, with how good they are; at least one.
        random: Source of chance.
    """
    ranked = [point for point, _ in sorted(seen, key=lambda pair: -pair[1])]
    split = max(1, math.ceil(_GOOD * len(ranked)))
    good, other = ranked[:split][:_MOST], ranked[split:]
    other = other if len(other) <= _MOST else random.sample(other, _MOST)
    drawn = {_draw(counts, good, random) for _ in range(_DRAWS)}.difference(ranked)
    if not drawn:
        return None
    promise = {
        point: _density(counts, good, point) - _density(counts, other, point) for point in sorted(drawn)
    }
    best = max(promise, key=lambda point: promise[point])
    known = _density(counts, good[1:], ranked[0]) - _density(counts, other, ranked[0])
    return best if promise[best] > known else None


def _draw(counts: Sequence[int], kernels: Sequence[Point], random: Random) -> Point:
    """A point of the mixture."""
    center = random.choice(kernels)
    stays = 1 / (1 + _PRIOR)
    return tuple(
        choice if random.random() < stays else random.randrange(count)
        for choice, count in zip(center, counts, strict=True)
    )


def _density(counts: Sequence[int], kernels: Sequence[Point], point: Point) -> float:
    """The logarithm of a mixture's density; a uniform kernel is always part of it."""
    uniform = math.prod(1 / count for count in counts)
    total = uniform + sum(_kernel(counts, center, point) for center in kernels)
    return math.log(total / (len(kernels) + 1))


def _kernel(counts: Sequence[int], center: Point, point: Point) -> float:
    density = 1.0
    for count, at, choice in zip(counts, center, point, strict=True):
        spread = _PRIOR / count
        density *= ((at == choice) + spread) / (1 + _PRIOR)
    return density
