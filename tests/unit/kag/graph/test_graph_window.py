"""The sliding window: order, limit, failure."""

from __future__ import annotations

import asyncio

import pytest

from kag.graph.window import sliding


async def test_results_keep_the_order_and_the_limit_holds() -> None:
    running: list[int] = []
    most: list[int] = []

    async def work(n: int) -> int:
        running.append(n)
        most.append(len(running))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        running.remove(n)
        return n * n

    assert await sliding(work, iter(range(40)), 7) == [n * n for n in range(40)]
    assert max(most) == 7
    assert await sliding(work, [], 7) == []


async def test_a_free_slot_takes_the_next_item_without_waiting_for_the_others() -> None:
    release = asyncio.Event()
    done: list[int] = []

    async def work(n: int) -> None:
        if n == 0:
            await release.wait()
        if n == 9:
            release.set()
        done.append(n)

    async with asyncio.timeout(5):
        await sliding(work, range(10), 2)
    assert done[-1] == 0


async def test_the_first_failure_cancels_the_rest_and_takes_no_more_items() -> None:
    taken: list[int] = []

    async def work(n: int) -> None:
        taken.append(n)
        if n == 1:
            raise KeyError("one")
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        with pytest.raises(KeyError, match="one"):
            await sliding(work, range(10), 3)
    assert taken == [0, 1, 2]
    with pytest.raises(ValueError, match="limit"):
        await sliding(work, [1], 0)


async def test_a_call_that_cancels_itself_is_no_result() -> None:
    async def work(n: int) -> None:
        if n == 3:
            raise asyncio.CancelledError

    for items in (range(4), range(6)):
        with pytest.raises(asyncio.CancelledError):
            await sliding(work, items, 2)
