"""A backend around a plain function that embeds on this machine's processor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from kag.embedding_models.base import Batch

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors


class LocalBackend:
    """Runs a thread-safe function in a worker thread, one batch after another.

    Args:
        name: Full name of the model.
        dimensions: Length of its vectors.
        encode: Texts in, rows out.
        texts: How many texts it takes at once; a cancelled call still finishes those it has.
    """

    concurrency = 1

    def __init__(
        self, name: str, dimensions: int, encode: Callable[[list[str]], Vectors], *, texts: int = 64
    ) -> None:
        self.name = name
        self.dimensions: int | None = dimensions
        self.batch = Batch(texts=texts, characters=10_000_000)
        self._encode = encode

    async def embed(self, texts: list[str], *, query: bool) -> Vectors:
        """Embeds texts in a worker thread."""
        return await asyncio.to_thread(self._encode, texts)
