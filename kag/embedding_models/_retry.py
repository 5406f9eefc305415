"""Sends a request again where that may help: after 429, 5xx and broken connections, and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kag.errors import EmbeddingModelError

T = TypeVar("T")
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0


class PassingError(EmbeddingModelError):
    """A failure that may pass; `wait` holds the seconds that the server asks for, where it does."""

    wait: float | None = None


async def retrying(send: Callable[[], Awaitable[T]], times: int) -> T:
    """Awaits `send()` until it succeeds, fails for good, or has been repeated `times` times.

    The wait doubles with each failure and is jittered; a server that wants more than a minute ends the call.
    """
    failures = 0
    while True:
        try:
            return await send()
        except PassingError as error:
            failures += 1
            wait = error.wait if error.wait is not None else _backoff(failures)
            if failures > times or wait > _LONGEST_WAIT:
                raise EmbeddingModelError(f"{error} (attempts: {failures})") from error
        await asyncio.sleep(wait)


def _backoff(failures: int) -> float:
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failures - 1))
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311  spreads load, keeps no secret
