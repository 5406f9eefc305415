"""Recall: the share of the right answer's words that the answer has."""

from __future__ import annotations

from collections import Counter

from kag.training.metrics._words import WordMetric


class Recall(WordMetric):
    """The share of the right answer's words that the answer has, over all masked fields; mean over samples.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[Recall(in_mask=["answer"])])
    """

    def compare(self, expected: Counter[str], given: Counter[str]) -> float:
        """Recall of one sample."""
        shared, total = sum((expected & given).values()), sum(expected.values())
        return shared / total if total else 1.0
