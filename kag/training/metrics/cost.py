"""Cost: what a sample cost, in USD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from kag.training.metrics.base import Metric, Run


class Cost(Metric):
    """What a sample cost, in USD; the mean over samples, failed ones included.

    Args:
        name: What logs call it.

    Example:
        >>> program.compile(reward=reward, metrics=[Cost()])
    """

    mode: ClassVar[str] = "min"
    accepts_none: ClassVar[bool] = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    async def measure(self, y_true: Any, y_pred: Any, run: Run | None = None) -> float:  # type: ignore[override]
        """What one sample took."""
        return run.cost if run else 0.0

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))
