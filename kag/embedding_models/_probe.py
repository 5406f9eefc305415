"""Asks an embedding model live what it is and how fast, for `kag doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kag.embedding_models._model import EmbeddingModel
from kag.errors import KagError

_TEXTS = [
    f"Passage {number}: the river rises in the hills and reaches the sea after {number} miles."
    for number in range(32)
]


@dataclass(slots=True)
class EmbeddingResult:
    """What an embedding model is.

    Args:
        works: Whether it gave vectors.
        name: Its full name.
        dimensions: Length of its vectors.
        reason: Why it is this model.
        texts_per_second: Speed with 32 short passages, once it is loaded.
        cost: USD, where the provider tells.
        error: Why it does not work, or empty.
    """

    works: bool = False
    name: str = ""
    dimensions: int = 0
    reason: str = ""
    texts_per_second: float = 0.0
    cost: float = 0.0
    error: str = ""


async def probe(em: EmbeddingModel, prefer: str | None = None) -> EmbeddingResult:
    """Loads a model and embeds some passages; failures are part of the result.

    Args:
        em: The model.
        prefer: Name of the model whose vectors are stored already; see `EmbeddingModel.load`.
    """
    result = EmbeddingResult(name=str(em.model or ""))
    try:
        await em.load(prefer=prefer)
        result.name, result.dimensions, result.reason = em.name, em.dimensions, em.reason
        begun = time.perf_counter()
        await em.embed(_TEXTS)
    except KagError as error:
        result.error = str(error)
        return result
    result.texts_per_second = round(len(_TEXTS) / (time.perf_counter() - begun), 1)
    result.works, result.cost = True, em.usage.cost
    return result
