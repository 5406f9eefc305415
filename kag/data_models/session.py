"""Automatic names: the first `Generator` is `generator`, the next `generator_1`, until names are cleared.

Every thread has its own session, so programs that are built in two threads never see each other. `with
Session():` gives a block of code its own, for reproducible names whatever was built before.
"""

from __future__ import annotations

import re
import threading
from contextvars import ContextVar
from types import TracebackType
from typing import final

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@final
class Session:
    """Counts the names that were given; a context manager that makes it the current one."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._outer: list[Session | None] = []

    def name(self, stem: str) -> str:
        """The next name for a stem: `stem`, `stem_1`, `stem_2`, ..."""
        count = self._counts.get(stem, 0)
        self._counts[stem] = count + 1
        return f"{stem}_{count}" if count else stem

    def clear(self) -> None:
        """Starts counting anew."""
        self._counts.clear()

    def __enter__(self) -> Session:
        self._outer.append(_current.get())
        _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.set(self._outer.pop())


class _ThreadSession(threading.local):
    def __init__(self) -> None:
        self.session = Session()


_current: ContextVar[Session | None] = ContextVar("kag_session", default=None)
_thread = _ThreadSession()


def auto_name(stem: str) -> str:
    """The next name for a stem in the current session."""
    return (_current.get() or _thread.session).name(stem)


def snake_case(name: str) -> str:
    """The form of a class name in automatic names: `ChainOfThought` gives `chain_of_thought`."""
    return _WORDS.sub("_", name).lower()


def clear_session() -> None:
    """Forgets the automatic names given so far in this thread, or in the current `with Session()`."""
    (_current.get() or _thread.session).clear()
