"""Plain functions beside the event loop: each call in a thread of its own that never holds up the end.

A thread cannot be stopped. One whose caller has given up runs on, its result is dropped, and as a daemon it
does not keep the process alive; the default executor of asyncio would wait for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

from kag.errors import ToolError


async def in_thread(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Calls a function in a thread, with the context variables of the caller."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result, error = context.run(function, **arguments), None
        except BaseException as raised:  # noqa: BLE001  it is raised for whoever waits
            result, error = None, raised
        try:
            loop.call_soon_threadsafe(_settle, done, result, error)
        except RuntimeError:  # the loop has ended, and with it everybody who waited
            return

    threading.Thread(target=work, daemon=True, name=f"kag-tool-{function!r:.40}").start()
    return await done


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration) or (error is not None and not isinstance(error, Exception)):
        error = ToolError(type(error).__name__)  # no future, and no loop, takes these
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
