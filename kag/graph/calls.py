"""Calls under way: what is called by what, who observes it, and how a failure names where it happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from kag.errors import KagError, ModuleError


class Call:
    """A call that is under way; the one around it is its parent.

    Args:
        module: What is called.
        parent: The call that made this one, None outside.
        training: Whether predictions are recorded.
    """

    __slots__ = ("module", "parent", "training")

    def __init__(self, module: Any, parent: Call | None, training: bool) -> None:
        self.module = module
        self.parent = parent
        self.training = training

    @property
    def path(self) -> str:
        """Names of the modules around and of this one, such as `my_program/branch/generator`."""
        names: list[str] = []
        call: Call | None = self
        while call is not None:
            names.append(call.module.name)
            call = call.parent
        if len(names) > _LONGEST_PATH:  # a recursion
            names[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [_LEFT_OUT]
        return "/".join(reversed(names))


Observer = Callable[[Call, tuple[Any, ...]], AbstractContextManager[Callable[[Any], None]]]
"""Is given each call and its arguments, and is entered around it; what it yields is given the result."""

under_way: ContextVar[Call | None] = ContextVar("kag_call", default=None)
observers: list[Observer] = []
_NOTE = "In module: "
_LONGEST_PATH = 20
_LEFT_OUT = "…"


def current_call() -> Call | None:
    """The call that is under way in this task."""
    return under_way.get()


def observe(observer: Observer) -> Callable[[], None]:
    """Has every module call of this process observed; the returned function ends it."""
    observers.append(observer)
    return lambda: observers.remove(observer) if observer in observers else None


def annotate(error: KagError, call: Call) -> None:
    """Notes the path where an error came from; calls further out leave it alone.

    An error object that is raised again somewhere else gets the new place.
    """
    path = call.path
    notes: list[str] = getattr(error, "__notes__", [])
    for note in notes:
        if note.startswith(_NOTE):
            inner = note.removeprefix(_NOTE)
            if inner.startswith((f"{path}/", f"{path} (")) or _LEFT_OUT in inner:
                return
    notes[:] = [note for note in notes if not note.startswith(_NOTE)]
    error.add_note(f"{_NOTE}{path} ({type(call.module).__name__})")


def failure(error: Exception, call: Call) -> ModuleError:
    """What is raised for an error that is not this library's own."""
    name = type(call.module).__name__
    failed = ModuleError(f"Module {call.path!r} ({name}) failed: {type(error).__name__}: {error}")
    annotate(failed, call)
    return failed
