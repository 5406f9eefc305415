"""Mean: the mean of a number in the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.errors import TrainingError
from kag.training._texts import data_of, leaves
from kag.training.metrics.base import Metric, Run


class Mean(Metric):
    """The mean over samples of the numbers in the masked fields; of the reward where no field is named.

    Args:
        name: What logs call it.
        in_mask: Names of the fields with numbers, None for the reward.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[Mean(name="confidence", in_mask=["confidence"])])
    """

    async def measure(self, y_true: Any, y_pred: Any, run: Run | None = None) -> float:  # type: ignore[override]
        """The numbers of one sample."""
        if self.in_mask is None:
            return run.reward if run else 0.0
        values = [leaf for _, leaf in leaves(data_of(y_pred))]
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            raise TrainingError(
                f"The metric {self.name!r} takes the mean of numbers; got {values!r} in {self.in_mask}."
            ) from None
        return sum(numbers) / len(numbers) if numbers else 0.0

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))
