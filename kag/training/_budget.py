"""Budgets of a fit: calls, cost and time.

They are passed only as far as samples under way take more than any sample before them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kag.errors import TrainingError
from kag.language_models.usage import Usage, metered


class BudgetSpent(Exception):  # noqa: N818  no error: the fit ends with what it has found
    """There is not enough left for another sample; says which budget it is."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a fit may take; None is no limit.

    Args:
        cost: USD.
        calls: Calls of language models.
        seconds: Time.
    """

    cost: float | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("max_cost", self.cost), ("max_calls", self.calls), ("max_time", self.seconds)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and value > 0):
                raise TrainingError(f"{name} must be a number above 0, or None for no limit; got {value!r}.")


class Budget:
    """Counts what a fit takes, and lets nothing begin for which there may not be enough left.

    Before a sample begins, it must be affordable that it and all that are under way each take as much as the
    largest one so far; until the first has ended, it is alone.

    Args:
        limit: What may be taken.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.usage = Usage()
        self._earlier = 0.0
        self._begun = time.monotonic()
        self._active = 0
        self._settled = Usage()
        self._largest: Usage | None = None
        self._changed = asyncio.Event()

    @property
    def seconds(self) -> float:
        """Time so far, with that of the runs which this one resumes."""
        return self._earlier + time.monotonic() - self._begun

    @property
    def seconds_left(self) -> float | None:
        """Time left, None if it is not limited."""
        return None if self.limit.seconds is None else max(0.0, self.limit.seconds - self.seconds)

    def replay(self, calls: int, cost: float, tokens: int, seconds: float) -> None:
        """Counts what a run that is resumed took, up to so many seconds after it began."""
        amounts = {"calls": calls, "cost": cost, "prompt_tokens": tokens}
        self.usage.count(amounts)
        self._settled.count(amounts)
        self._earlier = max(self._earlier, seconds)

    @asynccontextmanager
    async def spending(self) -> AsyncIterator[Usage]:
        """Counts what is done within it.

        Raises:
            BudgetSpent: Before it begins: there may not be enough left.
        """
        await self._admit()
        self._active += 1
        meter = Usage()
        try:
            with metered(self.usage), metered(meter):
                yield meter
        finally:
            self._active -= 1
            self._settled.count({"calls": meter.calls, "cost": meter.cost})
            largest = self._largest or Usage()
            self._largest = Usage(calls=max(largest.calls, meter.calls), cost=max(largest.cost, meter.cost))
            self._changed.set()

    async def _admit(self) -> None:
        while (lacking := self._lacking()) or self._unknown():
            if not self._active:
                raise BudgetSpent(lacking)
            self._changed.clear()
            await self._changed.wait()

    def _unknown(self) -> bool:
        limited = self.limit.calls is not None or self.limit.cost is not None
        return limited and self._largest is None and self._active > 0

    def _lacking(self) -> str:
        """What there may not be enough of; empty if there is."""
        if self.limit.seconds is not None and self.seconds >= self.limit.seconds:
            return f"max_time={self.limit.seconds:g} seconds are over"
        largest, more = self._largest or Usage(calls=1), self._active + 1
        if self.limit.calls is not None and self._settled.calls + more * largest.calls > self.limit.calls:
            return f"max_calls={self.limit.calls} are used up"
        if self.limit.cost is not None and self._settled.cost + more * largest.cost > self.limit.cost:
            return f"max_cost={self.limit.cost:g} USD are spent"
        return ""
