"""F1Score: how well the words of answers and of right answers agree."""

from __future__ import annotations

from collections import Counter

from kag.training._texts import f_score
from kag.training.metrics._words import WordMetric


class F1Score(WordMetric):
    """The harmonic mean of precision and recall of words, over all masked fields; the mean over samples.

    Words are compared without case, accents, articles and punctuation, as in SQuAD's evaluation.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[F1Score(in_mask=["answer"])])
    """

    def compare(self, expected: Counter[str], given: Counter[str]) -> float:
        """F1 of one sample."""
        return f_score(expected, given)
