"""How texts reach a model: each once, cached, in batches, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kag.embedding_models import _cache, _rows
from kag.embedding_models._prompts import prompts
from kag.embedding_models._usage import Usage
from kag.embedding_models.base import Backend, Batch, Habits

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors


class Calls:
    """Sends texts to one backend.

    Args:
        backend: The model.
        habits: How the user wants texts to be sent.
        usage: What counts requests and cache hits.
    """

    def __init__(self, backend: Backend, habits: Habits, usage: Usage) -> None:
        usual = prompts(backend.name)
        self.backend = backend
        self._usage = usage
        self._query_prompt = usual[0] if habits.query_prompt is None else habits.query_prompt
        self._passage_prompt = usual[1] if habits.passage_prompt is None else habits.passage_prompt
        self._batch = Batch(habits.batch_size or backend.batch.texts, backend.batch.characters)
        self._cache = None if habits.cache is None else _cache.VectorCache(habits.cache)
        self._concurrency = habits.max_concurrency or backend.concurrency
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def rows(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Embeds texts `(len(texts), dimensions)`; rows of length 1, zeros for blank texts."""
        distinct = [text for text in dict.fromkeys(texts) if text.strip()]
        vectors = await self._vectors(distinct, query=query)
        if self.backend.dimensions is None:
            await self.measure()
        return _rows.assemble(texts, vectors, self.backend.dimensions or 0)

    async def measure(self) -> None:
        """Finds out how long the vectors are, where that is not known, by embedding one word."""
        if self.backend.dimensions is None:
            await self._request(["dimensions"], query=False)

    async def _vectors(self, texts: Sequence[str], *, query: bool) -> dict[str, Vectors]:
        found = await self._cached(texts, query=query)
        missing = [text for text in texts if text not in found]
        for part in await _together([self._embedded(batch, query=query) for batch in self._batches(missing)]):
            found |= part
        return found

    async def _embedded(self, texts: list[str], *, query: bool) -> dict[str, Vectors]:
        """Embeds one batch, and keeps it at once so that an interrupted run has not paid for nothing."""
        found = dict(zip(texts, await self._request(texts, query=query), strict=True))
        if self._cache is not None:
            kept = {self._key(text, query=query): row for text, row in found.items()}
            await asyncio.to_thread(self._cache.put, kept)
        return found

    async def _request(self, texts: list[str], *, query: bool) -> Vectors:
        prompt = self._query_prompt if query else self._passage_prompt
        async with self._slot():
            self._usage.add(requests=1)
            rows = await self.backend.embed([prompt + text for text in texts], query=query)
        rows = _rows.unit(rows, self.backend.name, self.backend.dimensions)
        self.backend.dimensions = rows.shape[1]
        return rows

    async def _cached(self, texts: Sequence[str], *, query: bool) -> dict[str, Vectors]:
        if self._cache is None or not texts:
            return {}
        await self.measure()
        keys = {self._key(text, query=query): text for text in texts}
        found = await asyncio.to_thread(self._cache.get, list(keys))
        self._usage.add(cache_hits=len(found))
        return {keys[key]: row for key, row in found.items()}

    def _key(self, text: str, *, query: bool) -> bytes:
        prompt = self._query_prompt if query else self._passage_prompt
        model = f"{self.backend.name}:{self.backend.dimensions}"
        return _cache.key(model, "query" if query else "passage", prompt + text)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        characters = 0
        for text in texts:
            characters += len(text)
            if batch and (len(batch) == self._batch.texts or characters > self._batch.characters):
                yield batch
                batch, characters = [], len(text)
            batch.append(text)
        if batch:
            yield batch

    def _slot(self) -> asyncio.Semaphore:
        """The running loop's semaphore; a semaphore belongs to one loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._slots:
            self._slots[loop] = asyncio.Semaphore(self._concurrency)
        return self._slots[loop]


async def _together(works: Sequence[Coroutine[Any, Any, dict[str, Vectors]]]) -> list[dict[str, Vectors]]:
    """Awaits all; when one fails the others are cancelled and have ended before the failure is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
