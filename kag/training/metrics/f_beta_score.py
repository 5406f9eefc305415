"""FBetaScore: precision and recall of words in one number, one of them weighed more."""

from __future__ import annotations

from collections import Counter

from kag.errors import TrainingError
from kag.training._texts import f_score
from kag.training.metrics._words import WordMetric


class FBetaScore(WordMetric):
    """The weighted harmonic mean of precision and recall of words, over all masked fields; mean over samples.

    Words are compared without case, accents, articles and punctuation.

    Args:
        beta: Above 1 recall weighs more, below 1 precision does.
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[FBetaScore(beta=2, in_mask=["answer"])])
    """

    def __init__(
        self,
        beta: float = 1.0,
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        if not beta > 0:
            raise TrainingError(f"beta is {beta!r}; expected a number above 0.")
        self.beta = beta

    def compare(self, expected: Counter[str], given: Counter[str]) -> float:
        """F-beta of one sample."""
        return f_score(expected, given, self.beta)
