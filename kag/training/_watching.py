"""Who watches a fit: the user's callbacks, and a progress bar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from kag.errors import TrainingError
from kag.training.callbacks.base import Callback
from kag.training.callbacks.progbar_logger import ProgbarLogger

Verbose = Literal["auto", 0, 1, 2]


def progress_bar(verbose: Verbose) -> list[Callback]:
    """What shows the progress, if anything.

    Raises:
        TrainingError: It is none of the four.
    """
    if verbose not in ("auto", 0, 1, 2) or isinstance(verbose, bool):
        raise TrainingError(f"verbose must be 'auto', 0, 1 or 2; got {verbose!r}.")
    return [] if verbose == 0 else [ProgbarLogger(bar=verbose != 2)]


def run_folder(
    run_dir: str | os.PathLike[str] | None, callbacks: Sequence[Callback]
) -> str | os.PathLike[str] | None:
    """The folder of the journal, from the argument or from a callback that asks for one.

    Raises:
        TrainingError: They name several.
    """
    asked = {os.fspath(one) for one in (run_dir, *(one.run_dir for one in callbacks)) if one is not None}
    if len(asked) > 1:
        raise TrainingError(f"A fit has one run folder; got {', '.join(sorted(asked))}.")
    return next(iter(asked), None)


def checked_callbacks(callbacks: Sequence[Callback] | None) -> list[Callback]:
    """The user's callbacks.

    Raises:
        TrainingError: One of them is none.
    """
    listed: list[Any] = (
        list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks] * (callbacks is not None)
    )
    for one in listed:
        if not isinstance(one, Callback):
            got = f"the class {one.__name__}" if isinstance(one, type) else type(one).__name__
            raise TrainingError(f"callbacks must be a list of Callback objects; got {got}.")
    return listed
