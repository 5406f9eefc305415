"""History: what `fit` returns, the rewards and metrics of each epoch and what the whole took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.training.callbacks.base import Callback, Logs
from kag.training.records import Failure, ScoredTrial


class History(Callback):
    """Rewards and metrics of each epoch; `fit` makes one and returns it.

    Attributes:
        epoch: Numbers of the epochs, from 0 up.
        history: Log name to its values, one an epoch: `reward` and metrics, and with `val_` those of the best
            values so far on the validation samples.
        params: What the fit was asked: epochs, steps, samples, seed, ...
        trials: All that was tried, in order; the first are the values that the program had.
        failures: Samples that failed, with `on_error="zero"`.
        best_reward: The highest reward of any candidate on all validation samples.
        stop_reason: Why the fit ended early; empty if it did not.
        calls: Model calls, those of rewards and optimizer included.
        cost: USD.
        tokens: Tokens of prompts and answers.
        seconds: Time.

    Args:
        name: What logs call it.

    Example:
        >>> history = await program.fit(x, y, epochs=3)
        >>> history.history["val_reward"]
        [0.5, 0.75, 0.75]
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.epoch: list[int] = []
        self.history: dict[str, list[float | None]] = {}
        self.params: dict[str, Any] = {}
        self.trials: Sequence[ScoredTrial] = ()
        self.failures: Sequence[Failure] = ()
        self.best_reward: float | None = None
        self.stop_reason = ""
        self.calls = 0
        self.cost = 0.0
        self.tokens = 0
        self.seconds = 0.0

    def on_train_begin(self, logs: Logs) -> None:
        """Begins anew."""
        self.epoch, self.history = [], {}
        self.params = dict(self.fit.params)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Notes the epoch; a log that it lacks is None there."""
        for name in [*self.history, *logs]:
            values = self.history.setdefault(name, [None] * len(self.epoch))
            if len(values) == len(self.epoch):
                values.append(logs.get(name))
        self.epoch.append(epoch)

    def on_train_end(self, logs: Logs) -> None:
        """Notes what it took."""
        self.stop_reason = self.fit.stop_reason
        self.calls, self.cost = self.fit.calls, self.fit.cost
        self.tokens, self.seconds = self.fit.tokens, self.fit.seconds
        self.trials, self.failures = tuple(self.fit.trials), tuple(self.fit.failures)
        complete = [one.val_reward for one in self.trials if one.val_reward is not None]
        self.best_reward = max(complete, default=None)
