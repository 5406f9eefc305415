"""Accuracy: the share of answers that are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.training.metrics.base import Metric


class Accuracy(Metric):
    """The share of samples whose masked fields all equal the right ones.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[Accuracy(in_mask=["label"])])
    """

    async def measure(self, y_true: Any, y_pred: Any) -> float:  # type: ignore[override]  # no run
        """1 if one sample is right."""
        return float(y_true is not None and y_true.data == y_pred.data)

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))
