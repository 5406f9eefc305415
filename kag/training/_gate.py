"""The shared limit of a fit: so many calls at a time, those of earlier steps first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kag.errors import TrainingError

Turn = tuple[int, int]


class Gate:
    """Slots; whoever waits for an earlier step is let in first, since later steps wait for its result.

    Args:
        slots: So many at a time, 1 or more.
    """

    def __init__(self, slots: int) -> None:
        if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
            raise TrainingError(f"max_concurrency must be a whole number of at least 1; got {slots!r}.")
        self.slots = slots
        self._free = slots
        self._count = 0
        self._waiting: list[tuple[Turn, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def slot(self, step: int = 0) -> AsyncIterator[None]:
        """Holds a slot.

        Args:
            step: What it is for; a lower number goes first.
        """
        await self._enter(step)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, step: int) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, ((step, self._count), turn))
        try:
            await turn  # whoever wakes us hands his slot on
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
