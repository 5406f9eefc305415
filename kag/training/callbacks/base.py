"""Callback: what happens besides a fit, at its begin and end and at those of epochs and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from kag.errors import TrainingError
from kag.training._configured import Configured
from kag.training.records import Failure, ScoredTrial

Logs = Mapping[str, float]
Mode = Literal["auto", "min", "max"]


class Progress(Protocol):
    """The fit that is under way, as callbacks see it."""

    stop_reason: str
    """Set it (in words) to end the fit after this epoch or batch, with the best values so far."""
    failed: bool
    """Whether an error or a cancellation ended it; known in `on_train_end`."""
    params: Mapping[str, Any]
    """`epochs`, `steps` (of an epoch), `samples`, `val_samples`, `batch_size`, `seed`, `metrics` (names)."""

    @property
    def trials(self) -> Sequence[ScoredTrial]:
        """What was tried so far, the starting values first."""
        ...

    @property
    def failures(self) -> Sequence[Failure]:
        """Samples that failed so far."""
        ...

    @property
    def calls(self) -> int:
        """Model calls so far."""
        ...

    @property
    def cost(self) -> float:
        """USD so far."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        ...

    @property
    def seconds(self) -> float:
        """Time so far."""
        ...

    def better(self, monitor: str) -> str:
        """`max` or `min`: which values of a log are better; empty if that is not known."""
        ...


class Callback(Configured):
    """The base of all callbacks: subclasses define the methods that they need.

    At the end of an epoch, the program's variables have the best values found so far. Epochs and batches come
    in order. A resumed fit tells its callbacks everything again from the first epoch.

    `self.program` is the program in training, `self.fit` what is known of the run (calls, cost, `stop`).
    """

    program: Any
    fit: Progress
    run_dir: str | None = None
    """Folder of the fit's journal, for callbacks that ask for one."""

    def begin(self, program: Any, fit: Progress) -> None:
        """Called by the trainer before anything else."""
        self.program, self.fit = program, fit

    def on_train_begin(self, logs: Logs) -> None:
        """The fit begins."""

    def on_train_end(self, logs: Logs) -> None:
        """The fit is over, also after an error or when it is cancelled."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """An epoch begins; the first one is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """An epoch is over.

        Args:
            epoch: Its number.
            logs: `reward` and metrics of the trials of this epoch; `val_reward` and `val_` metrics of the
                best values so far.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """A batch begins; numbers start at 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """A batch is over; `logs` has the mean of the epoch so far."""


class Monitoring(Callback):
    """The base of callbacks that follow one log.

    Args:
        name: What logs call it.
        monitor: Name of the log, such as `val_reward`.
        mode: Whether `max` or `min` is better; `auto` asks the reward or metric.
    """

    def __init__(self, name: str | None = None, monitor: str = "val_reward", mode: Mode = "auto") -> None:
        super().__init__(name)
        if mode not in ("auto", "min", "max"):
            raise TrainingError(f"{self.name}: mode must be 'auto', 'min' or 'max'; got {mode!r}.")
        self.monitor = monitor
        self.mode = mode
        self._larger = mode != "min"

    def on_train_begin(self, logs: Logs) -> None:
        """Finds out which values are better.

        Raises:
            TrainingError: mode is `auto`, and that cannot be told from the log's name.
        """
        if self.mode == "auto":
            better = self.fit.better(self.monitor)
            if not better:
                raise TrainingError(
                    f"{self.name}: it is not known whether more {self.monitor!r} is better; "
                    "give mode='max' or mode='min'."
                )
            self._larger = better == "max"

    def improves(self, value: float, best: float | None, min_delta: float = 0.0) -> bool:
        """Whether a value is better than the best so far, by more than `min_delta`."""
        if best is None:
            return True
        return value > best + min_delta if self._larger else value < best - min_delta

    def value(self, logs: Logs) -> float:
        """The log that is followed.

        Raises:
            TrainingError: The fit does not log it.
        """
        if self.monitor not in logs:
            raise TrainingError(
                f"{self.name} follows {self.monitor!r}, which this fit does not log; it logs "
                f"{', '.join(logs)}. val_ logs need validation_data or validation_split."
            )
        return logs[self.monitor]
