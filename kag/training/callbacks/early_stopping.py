"""EarlyStopping: ends a fit that does not get better, or is good enough."""

from __future__ import annotations

from kag.errors import TrainingError
from kag.training.callbacks.base import Logs, Mode, Monitoring


class EarlyStopping(Monitoring):
    """Ends the fit after some epochs without a better value; the program keeps the best values found.

    Args:
        monitor: The log to follow.
        min_delta: Less than this is no improvement, 0 or more.
        patience: Epochs to wait for an improvement; 0 stops at the first epoch without one.
        mode: Whether `max` or `min` of the log is better; `auto` asks the reward or metric.
        baseline: Values that are no better than this do not count as improvements.
        start_from_epoch: Epochs before this one do not count, from 0 up.
        stop_at: Ends the fit when the log is as good as this; None for never.
        name: What logs call it.
    """

    def __init__(
        self,
        monitor: str = "val_reward",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        start_from_epoch: int = 0,
        stop_at: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name, monitor, mode)
        if min_delta < 0 or patience < 0 or start_from_epoch < 0:
            raise TrainingError(
                f"{self.name}: min_delta, patience and start_from_epoch must be 0 or more; "
                f"got {min_delta}, {patience} and {start_from_epoch}."
            )
        self.min_delta = min_delta
        self.patience = patience
        self.baseline = baseline
        self.start_from_epoch = start_from_epoch
        self.stop_at = stop_at
        self.best: float | None = None
        self._waited = 0

    def on_train_begin(self, logs: Logs) -> None:
        """Begins anew."""
        super().on_train_begin(logs)
        self.best, self._waited = self.baseline, 0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Counts the epoch, and ends the fit if it is time."""
        value = self.value(logs)
        if self.stop_at is not None and not self.improves(self.stop_at, value):
            self.fit.stop_reason = f"{self.monitor} is {value:.4g}"
            return
        if epoch < self.start_from_epoch:
            return
        if self.improves(value, self.best, self.min_delta):
            self.best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.fit.stop_reason = f"{self.monitor} did not improve for {self._waited} epochs"
