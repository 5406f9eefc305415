"""The server's log: one plain line an event on stderr, because stdout belongs to the protocol.

An unexpected error is told by its type and place, not by its message, which may hold a secret or a document's
words; `KAG_DEBUG=1` shows all of it.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from types import TracebackType


class OneLine(logging.Formatter):
    """Writes a record on one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Writes the record; line breaks in it become visible."""
        own = logging.makeLogRecord({**record.__dict__, "exc_text": None})  # where others kept a traceback
        text = super().format(own)
        return text if os.environ.get("KAG_DEBUG") else text.replace("\r", "\\r").replace("\n", "\\n")

    def formatException(  # noqa: N802  the name is the base class's
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Names the innermost error of a chain, and where it was raised."""
        if os.environ.get("KAG_DEBUG") or ei[1] is None:
            return super().formatException(ei)
        error = innermost(ei[1])
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"{type(error).__name__}{place}"

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  the name is the base class's
        """Leaves the stack out."""
        return stack_info if os.environ.get("KAG_DEBUG") else ""


def innermost(error: BaseException) -> BaseException:
    """Finds what an error was caused by in the first place."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def to_stderr(level: int = logging.WARNING) -> None:
    """Sends every library's log to stderr; the SDK leaves it alone when it comes first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
