"""ContextRecall: whether what was retrieved holds what the right answer needs."""

from __future__ import annotations

from typing import Any, ClassVar

from kag import text
from kag.errors import TrainingError
from kag.training._texts import answer_words, field_of, leaves, shorten
from kag.training.rewards.base import Judgement, Reward


class ContextRecall(Reward):
    """The share of the expected sources, or of the right answer's words, that the retrieved results hold.

    If the target has the field `expected` (ids, titles, URIs or quotes), each of its values must stand in the
    results; else the words of the field `answer` of the target must.

    Args:
        sources: The field of the prediction with the results.
        expected: The field of the target that lists what must be found.
        answer: The field of the target that is looked for where there is no `expected`.
        name: What logs call it.
        in_mask: Names of the fields to look at, None for all.
        out_mask: Names of fields to leave out, None for none.

    Source: the measure of RAGAS (Es et al., arXiv 2309.15217).

    Example:
        >>> program.compile(reward=ContextRecall(sources="result", expected="gold"))
    """

    needs_target: ClassVar[bool] = True

    def __init__(
        self,
        sources: str = "result",
        expected: str = "gold",
        answer: str = "answer",
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        self.sources, self.expected, self.answer = sources, expected, answer

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Looks for what is expected in what was found."""
        found = [text.fold(leaf) for _, leaf in leaves(field_of(y_pred, self.sources) or [])]
        wanted = [leaf for _, leaf in leaves(field_of(y_true, self.expected))]
        if wanted:
            missing = [one for one in wanted if not any(text.fold(one) in leaf for leaf in found)]
            feedback = (
                f"Not retrieved: {'; '.join(shorten(one, 80) for one in missing[:5])}." if missing else ""
            )
            return Judgement(1 - len(missing) / len(wanted), feedback)
        words = answer_words(field_of(y_true, self.answer))
        if not words:
            raise TrainingError(
                f"{self.name}: the target has neither {self.expected!r} nor {self.answer!r}; expected the "
                "sources to find, or the right answer. Name its fields with expected= and answer=."
            )
        there = answer_words(found)
        absent = [word for word in words if word not in there]
        return Judgement(
            1 - len(absent) / len(words),
            f"The results do not hold: {', '.join(absent[:10])}." if absent else "",
        )
