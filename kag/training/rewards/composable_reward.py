"""ComposableReward: several rewards as one, by weight."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from kag.errors import TrainingError
from kag.training.rewards.base import Judgement, Reward


class ComposableReward(Reward):
    """The weighted mean of several rewards of one answer; their feedback is joined.

    Args:
        rewards: At least one; each has its own masks.
        weights: As many numbers that are not negative and not all 0; equal by default.
        name: What logs call it.

    Raises:
        TrainingError: There is no reward, or the weights do not fit.

    Example:
        >>> both = ComposableReward([TokenF1(in_mask=["answer"]), CitationPrecision()], weights=[2, 1])
    """

    accepts_none = True

    def __init__(
        self, rewards: Sequence[Reward], weights: Sequence[float] | None = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.rewards = list(rewards)
        self.weights = [1.0] * len(self.rewards) if weights is None else [float(w) for w in weights]
        if not self.rewards or not all(isinstance(reward, Reward) for reward in self.rewards):
            raise TrainingError(f"ComposableReward needs a list of rewards; got {rewards!r}.")
        if len(self.weights) != len(self.rewards) or min(self.weights) < 0 or not sum(self.weights):
            raise TrainingError(
                f"ComposableReward has {len(self.rewards)} rewards and the weights {self.weights}; expected "
                "as many numbers, none negative and not all 0."
            )

    async def call(self, y_true: Any, y_pred: Any, inputs: Any = None) -> Judgement:  # type: ignore[override]
        """Asks all of them, side by side."""
        told = await asyncio.gather(*(reward(y_true, y_pred, inputs) for reward in self.rewards))
        total = sum(weight * one.reward for weight, one in zip(self.weights, told, strict=True))
        feedback = "\n".join(
            f"{reward.name}: {one.feedback}"
            for reward, one in zip(self.rewards, told, strict=True)
            if one.feedback
        )
        return Judgement(total / sum(self.weights), feedback)
