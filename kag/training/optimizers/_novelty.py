"""Dominated Novelty Search: a candidate is worth keeping if it is far from those that are fitter.

Source: Bahlous-Boldi et al., Dominated Novelty Search, arXiv 2502.00593, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kag.embedding_models import get
from kag.training._texts import whole_text
from kag.training.optimizers.base import Search
from kag.training.records import Candidate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REMEMBERED = 4096


def dominated_novelty(
    scores: Sequence[float], distances: npt.NDArray[np.float64], k_nearest: int
) -> list[float]:
    """The mean distance of each to the k nearest of those that are fitter; infinite if none is.

    Args:
        scores: Of n candidates.
        distances: Between them `(n, n)`.
        k_nearest: How many of the nearest count, at least 1.
    """
    worth = []
    for place, score in enumerate(scores):
        fitter = sorted(float(distances[place, other]) for other, rival in enumerate(scores) if rival > score)
        nearest = fitter[:k_nearest]
        worth.append(sum(nearest) / len(nearest) if nearest else math.inf)
    return worth


class Distances:
    """How far candidates are from each other, by the meaning of their texts.

    Args:
        embedding_model: An `EmbeddingModel`, or its name.
    """

    def __init__(self, embedding_model: Any) -> None:
        self.embedding_model = get(embedding_model)
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}

    async def between(self, search: Search, candidates: Sequence[Candidate]) -> npt.NDArray[np.float64]:
        """One less the cosine, from 0 to 2, as the mean over variables `(n, n)`.

        Raises:
            EmbeddingModelError: The model could not embed.
        """
        import numpy as np

        texts = [[whole_text(one.values[path]) or " " for path in search.variables] for one in candidates]
        vectors = await self._embedded(search, [text for row in texts for text in row])
        total = np.zeros((len(candidates), len(candidates)))
        for place in range(len(search.variables)):
            rows = np.stack([vectors[row[place]] for row in texts]).astype(np.float64)
            total += 1.0 - rows @ rows.T
        return np.maximum(total / len(search.variables), 0.0)

    async def _embedded(self, search: Search, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Vectors of texts; those that were asked for before are remembered."""
        found = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            async with search.slot():
                rows = await self.embedding_model.embed(new)
            found |= dict(zip(new, rows, strict=True))
            self._vectors |= found
        while len(self._vectors) > _REMEMBERED:
            del self._vectors[next(iter(self._vectors))]
        return found
