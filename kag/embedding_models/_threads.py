"""Blocking work in daemon threads, which an interrupted program does not have to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def abandonable(work: Callable[[], T]) -> T:
    """Runs a function in a thread of its own and waits for it.

    Unlike `asyncio.to_thread`, a cancelled wait leaves nothing behind that the end of the program would wait
    for: for downloads, and for name look-ups that hang.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_value: Callable[[Any], None], value: object) -> None:
        if not done.done():
            set_value(value)

    def run() -> None:
        try:
            outcome: tuple[Callable[[Any], None], object] = (done.set_result, work())
        except BaseException as error:  # noqa: BLE001  it is handed to whoever waits
            outcome = (done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="kag-model", daemon=True).start()
    return await done


def within(seconds: float, work: Callable[[], T], default: T) -> T:
    """Runs a function in a thread of its own, and gives up on it after some seconds."""
    found = [default]

    def run() -> None:
        found[0] = work()

    thread = threading.Thread(target=run, name="kag-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0]
