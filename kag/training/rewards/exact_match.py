"""ExactMatch: the answer is the right one, or it is not."""

from __future__ import annotations

from typing import Any, ClassVar

from kag.schema.values import json_text
from kag.training.rewards.base import Judgement, Reward


class ExactMatch(Reward):
    """1 if the masked answer equals the right one as JSON, else 0.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=ExactMatch(in_mask=["answer"]), optimizer=RandomFewShot())
    """

    needs_target: ClassVar[bool] = True

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Compares."""
        if y_true is not None and y_true.data == y_pred.data:
            return Judgement(1.0)
        expected = "nothing" if y_true is None else json_text(y_true.data)
        return Judgement(0.0, f"Expected {expected}; got {json_text(y_pred.data)}.")
