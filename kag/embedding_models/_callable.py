"""A user's own awaitable function as a backend: texts in, `{"embeddings": [[...], ...]}` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kag.embedding_models.base import Batch, EmbedFunction
from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors


class CallableBackend:
    """Wraps a function or an object that is called as `await function(texts)`.

    It is recorded as `custom/` and its `model` attribute, its own name or that of its class.
    """

    batch = Batch(texts=64, characters=200_000)
    concurrency = 4

    def __init__(self, function: EmbedFunction) -> None:
        self._function = function
        own = getattr(function, "model", None) or getattr(function, "__name__", None)
        self.name = f"custom/{own if isinstance(own, str) else type(function).__name__}"
        self.dimensions: int | None = None

    async def embed(self, texts: list[str], *, query: bool) -> Vectors:
        """Calls the function with one batch."""
        import numpy as np

        reply = await self._function(texts)
        try:
            rows = np.asarray(reply["embeddings"], dtype=np.float32)
        except (TypeError, KeyError, ValueError) as error:
            raise EmbeddingModelError(
                f"{self.name} returned {type(reply).__name__}; expected {{'embeddings': [[numbers], ...]}} "
                f"with one row for each of {len(texts)} texts."
            ) from error
        if rows.ndim != 2 or len(rows) != len(texts):
            raise EmbeddingModelError(
                f"{self.name} returned embeddings of shape {rows.shape}; expected ({len(texts)}, dimensions)."
            )
        return rows
