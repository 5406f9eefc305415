"""Bounded fan-out: a sliding window over many awaitables, with no barrier between batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def sliding(function: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int) -> list[R]:
    """Applies an async function to many items, at most `limit` at a time; a free slot takes the next item.

    The first failure cancels the rest and is raised as it is; cancelling the caller cancels everything.

    Args:
        function: Called with one item.
        items: The items; they are taken one by one, as slots become free.
        limit: At most so many calls at a time, 1 or more.

    Returns:
        The results, in the order of the items.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1; got {limit}")
    results: list[R | _Missing] = []
    numbered = enumerate(items)
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for first in _first(numbered, limit):
                group.create_task(_work(function, first, numbered, results))
    except BaseExceptionGroup as errors:
        failure = errors.exceptions[0]
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # the traceback would keep this frame, and so the failure, alive
    done = [result for result in results if not isinstance(result, _Missing)]
    if len(done) < len(results):
        raise asyncio.CancelledError("A call was cancelled from inside, so there is no result for it.")
    return done


class _Missing:
    """Stands for a result that is not there yet."""


def _first(numbered: Iterator[tuple[int, T]], limit: int) -> list[tuple[int, T]]:
    return [item for _, item in zip(range(limit), numbered, strict=False)]


async def _work(
    function: Callable[[T], Awaitable[R]],
    first: tuple[int, T],
    numbered: Iterator[tuple[int, T]],
    results: list[R | _Missing],
) -> None:
    place, item = first
    while True:
        results.extend(_Missing() for _ in range(place + 1 - len(results)))
        results[place] = await function(item)
        following = next(numbered, None)
        if following is None:
            return
        place, item = following
