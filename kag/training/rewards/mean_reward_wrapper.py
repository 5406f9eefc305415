"""MeanRewardWrapper: a reward from a function of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kag.errors import TrainingError
from kag.training.rewards.base import Judgement, Reward


class MeanRewardWrapper(Reward):
    """Calls a function, async or not, on each pair of answers; the mean over samples is the reward.

    Args:
        fn: Takes `(y_true, y_pred)` as masked JSON data models; gives a number from 0 to 1, or a `Judgement`
            with feedback in words. To save a program that is compiled with it, register it with
            `@kag.saving.register_kag_serializable()`.
        name: What logs call it; the function's name by default.
        in_mask: Names of the fields to look at, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> @kag.saving.register_kag_serializable()
        ... async def same(y_true, y_pred):
        ...     return 1.0 if y_true.get("answer") == y_pred.get("answer") else 0.0
        >>> program.compile(reward=MeanRewardWrapper(fn=same))
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        if not callable(fn):
            raise TrainingError(
                f"MeanRewardWrapper needs fn=<a function of y_true and y_pred>; got {type(fn).__name__}."
            )
        super().__init__(name or getattr(fn, "__name__", None), in_mask, out_mask)
        self.fn = fn

    async def call(self, y_true: Any, y_pred: Any) -> float | Judgement:  # type: ignore[override]  # no more
        """Calls the function."""
        result = self.fn(y_true, y_pred)
        judged: float | Judgement = await result if inspect.isawaitable(result) else result
        return judged
