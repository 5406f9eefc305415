"""ProgramCheckpoint: saves the program at the end of epochs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kag.errors import TrainingError
from kag.training.callbacks.base import Logs, Mode, Monitoring


class ProgramCheckpoint(Monitoring):
    """Saves the program, with the best values so far, after every epoch or after those that improve it.

    Args:
        filepath: The file; it may hold `{epoch}` (from 1 up) and names of logs, as in
            `best-{epoch:02d}-{val_reward:.2f}.json`.
        monitor: The log that says which epoch is better.
        save_best_only: Save only if the log is better than in all epochs before.
        save_variables_only: Save the variables' values alone.
        mode: Whether `max` or `min` of the log is better; `auto` asks the reward or metric.
        name: What logs call it.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_reward",
        save_best_only: bool = False,
        save_variables_only: bool = False,
        mode: Mode = "auto",
        name: str | None = None,
    ) -> None:
        super().__init__(name, monitor, mode)
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_variables_only = save_variables_only
        self.best: float | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Begins anew."""
        self.best = None
        if self.save_best_only:
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Saves.

        Raises:
            SavingError: The program cannot be saved.
            TrainingError: The log that is followed is not there, or the file's name asks for one that is not.
        """
        if self.save_best_only:
            value = self.value(logs)
            if not self.improves(value, self.best):
                return
            self.best = value
        path = self._path(epoch, logs)
        if self.save_variables_only:
            self.program.save_variables(path)
        else:
            self.program.save(path)

    def _path(self, epoch: int, logs: Logs) -> str:
        values: Mapping[str, Any] = {"epoch": epoch + 1, **logs}
        try:
            return self.filepath.format_map(values)
        except (KeyError, ValueError, IndexError) as error:
            raise TrainingError(
                f"{self.name}: filepath {self.filepath!r} cannot be filled in ({error!r}); there are: "
                f"{', '.join(values)}."
            ) from None
