"""PassAtK: how often one of k attempts is right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from kag.errors import TrainingError
from kag.training._texts import data_of
from kag.training.metrics.base import Metric

_NUMBERED = re.compile(r"_\d+$")


class PassAtK(Metric):
    """The chance that one of `k` attempts, drawn from those in the answer, is right; the mean over samples.

    A program that makes several attempts side by side (`a & b & c`) gives `answer`, `answer_1`, `answer_2`;
    these, or the items of a list, are the attempts at the target's `answer`.

    Args:
        k: How many attempts are drawn.
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Source: the unbiased estimator of Chen et al., arXiv 2107.03374, section 2.1.

    Example:
        >>> program.compile(reward=reward, metrics=[PassAtK(k=1, in_mask=["answer"])])
    """

    def __init__(
        self,
        k: int = 1,
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        if k < 1:
            raise TrainingError(f"k is {k!r}; expected at least 1 attempt.")
        self.k = k

    async def measure(self, y_true: Any, y_pred: Any) -> float:  # type: ignore[override]  # no run
        """The chance for one sample, over the fields of the target."""
        right = data_of(y_true)
        chances = [self._chance(value, list(_attempts(data_of(y_pred), key))) for key, value in right.items()]
        return min(chances, default=0.0)

    def _chance(self, right: Any, attempts: list[Any]) -> float:
        if not attempts:
            return 0.0
        wrong = sum(attempt != right for attempt in attempts)
        drawn = min(self.k, len(attempts))
        return 1 - math.comb(wrong, drawn) / math.comb(len(attempts), drawn)

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))


def _attempts(answer: dict[str, Any], key: str) -> Iterator[Any]:
    for name, value in answer.items():
        if name == key or _NUMBERED.sub("", name) == key:
            yield from value if isinstance(value, list) else [value]
