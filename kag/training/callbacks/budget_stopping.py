"""BudgetStopping: ends a fit at the end of a batch, when it has taken so much."""

from __future__ import annotations

from kag.errors import TrainingError
from kag.training.callbacks.base import Callback, Logs


class BudgetStopping(Callback):
    """Ends the fit after the batch in which a budget is reached; the program keeps the best values found.

    `fit(max_cost=..., max_calls=..., max_time=...)` is stricter: it begins no sample that could pass it.

    Args:
        max_cost: USD; None for no limit.
        max_tokens: Tokens of prompts and answers; None for no limit.
        max_calls: Model calls; None for no limit.
        max_time: Seconds; None for no limit.
        name: What logs call it.
    """

    def __init__(
        self,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        max_calls: int | None = None,
        max_time: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        limits = {
            "max_cost": max_cost,
            "max_tokens": max_tokens,
            "max_calls": max_calls,
            "max_time": max_time,
        }
        self._limits = {key: value for key, value in limits.items() if value is not None}
        if not self._limits:
            raise TrainingError(f"{self.name} needs at least one of {', '.join(limits)}.")
        for key, value in self._limits.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise TrainingError(f"{self.name}: {key} must be a number above 0; got {value!r}.")

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Looks what was taken."""
        fit = self.fit
        taken = {
            "max_cost": fit.cost,
            "max_tokens": fit.tokens,
            "max_calls": fit.calls,
            "max_time": fit.seconds,
        }
        for key, most in self._limits.items():
            if taken[key] >= most:
                fit.stop_reason = f"{key}={most:g} is reached"
