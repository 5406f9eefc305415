"""Precision: the share of the answer's words that the right answer has."""

from __future__ import annotations

from collections import Counter

from kag.training.metrics._words import WordMetric


class Precision(WordMetric):
    """The share of the answer's words that the right answer has, over all masked fields; mean over samples.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[Precision(in_mask=["answer"])])
    """

    def compare(self, expected: Counter[str], given: Counter[str]) -> float:
        """Precision of one sample."""
        shared, total = sum((expected & given).values()), sum(given.values())
        return shared / total if total else 1.0
