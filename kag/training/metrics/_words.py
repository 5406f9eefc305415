"""The base of metrics that compare the words of answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kag.training._texts import answer_words, data_of
from kag.training.metrics.base import Metric


class WordMetric(Metric):
    """The mean over samples of a number that the words of the right and of the given answer decide."""

    async def measure(self, y_true: Any, y_pred: Any) -> float:  # type: ignore[override]  # no run
        """Compares the words of one sample."""
        return self.compare(answer_words(data_of(y_true)), answer_words(data_of(y_pred)))

    def compare(self, expected: Counter[str], given: Counter[str]) -> float:
        """The number for one sample; subclasses define it."""
        raise NotImplementedError

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))
