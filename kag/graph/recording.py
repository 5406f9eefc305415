"""Whether a program is being recorded: a module's `call` is run on symbols, and nothing real may happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kag.errors import KagError, ProgramError


class Trace:
    """One run of a `call` on symbols.

    Attributes:
        certain: False once the code did what it cannot do on symbols, even if it caught the error.
    """

    __slots__ = ("certain",)

    def __init__(self) -> None:
        self.certain = True


_trace: ContextVar[Trace | None] = ContextVar("kag_trace", default=None)


def recording() -> bool:
    """Whether the code that asks is run on symbols, to learn what it would give."""
    return _trace.get() is not None


@contextmanager
def tracing() -> Iterator[Trace]:
    """Runs a block as the recording of a program."""
    trace = Trace()
    token = _trace.set(trace)
    try:
        yield trace
    finally:
        _trace.reset(token)


@contextmanager
def for_real() -> Iterator[None]:
    """Runs a block for real, although it may be within a recording: what happens once, such as `build`."""
    token = _trace.set(None)
    try:
        yield
    finally:
        _trace.reset(token)


def spoil_trace() -> None:
    """Notes that the present trace, if there is one, tells nothing about what happens at run time."""
    trace = _trace.get()
    if trace is not None:
        trace.certain = False


def refuse_while_recording(what: str, error: type[KagError] = ProgramError) -> None:
    """Refuses what must not happen while a program is recorded, such as a request to a model.

    Args:
        what: What is called, as the first words of the message.
        error: The kind of error.

    Raises:
        KagError: A program is being recorded.
    """
    if _trace.get() is not None:
        spoil_trace()
        raise error(f"{what} is not called while a program is recorded; it will be when the program runs.")
