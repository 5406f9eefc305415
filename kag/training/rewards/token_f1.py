"""TokenF1: how many words an answer shares with the right one."""

from __future__ import annotations

from typing import Any, ClassVar

from kag.training._texts import answer_words, data_of, f_score, shorten, whole_text
from kag.training.rewards.base import Judgement, Reward


class TokenF1(Reward):
    """The harmonic mean of precision and recall of words, without case, accents, articles and punctuation.

    Use it where an answer may be worded in more than one way; `ExactMatch` is for labels and numbers.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Source: SQuAD's F1 (Rajpurkar et al., arXiv 1606.05250, section 6).

    Example:
        >>> await TokenF1(in_mask=["answer"])(Answer(answer="the Eiffel Tower"), Answer(answer="Eiffel"))
        Judgement(reward=0.66..., feedback='Expected "the Eiffel Tower"; missing: tower.')
    """

    needs_target: ClassVar[bool] = True

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Compares words."""
        expected, given = answer_words(data_of(y_true)), answer_words(data_of(y_pred))
        score = f_score(expected, given)
        if score == 1.0:
            return Judgement(1.0)
        missing, extra = expected - given, given - expected
        parts = [f'Expected "{shorten(whole_text(data_of(y_true)))}"']
        parts += [
            f"{what}: {', '.join(list(words)[:10])}"
            for what, words in (("missing", missing), ("not asked for", extra))
            if words
        ]
        return Judgement(score, "; ".join(parts) + ".")
