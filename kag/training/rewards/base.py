"""Reward: how good an answer is, from 0 to 1, and in words why, for optimizers that read."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any, ClassVar

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import KagError, TrainingError
from kag.language_models.usage import phase
from kag.training._configured import Masked


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reward says of one answer.

    Args:
        reward: From 0 (useless) to 1 (as good as can be).
        feedback: Why, in words: what is wrong and what was expected; empty if there is nothing to say.
    """

    reward: float
    feedback: str = ""


class Reward(Masked):
    """The base of all rewards: subclasses define `call`.

    `call` gets the masked values and returns a number from 0 to 1, or a `Judgement` with feedback in words.
    If it has a parameter `inputs`, it gets what the program was given, unmasked.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to look at, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> class Short(Reward):
        ...     async def call(self, y_true, y_pred):
        ...         short = len(y_pred.get("answer")) < 100
        ...         return 1.0 if short else Judgement(0.0, "Answer in one sentence.")
        >>> await Short(in_mask=["answer"])(None, answer)
        Judgement(reward=1.0, feedback='')
    """

    accepts_none: ClassVar[bool] = False
    """True for rewards whose `call` wants to see an answer of None; the others give 0 for it."""

    needs_target: ClassVar[bool] = False
    """True for rewards that compare with the right answer: data without one is then refused."""

    _wants_inputs: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._wants_inputs = "inputs" in inspect.signature(cls.call).parameters

    async def call(self, y_true: Any, y_pred: Any, **given: Any) -> float | Judgement:
        """Judges one answer.

        Args:
            y_true: The right answer, masked (`JsonDataModel`); None if there is none.
            y_pred: The program's answer, masked; never None unless the class sets `accepts_none`.
            **given: `inputs`, for subclasses that name it.
        """
        raise TrainingError(f"{type(self).__name__} must define `async def call(self, y_true, y_pred)`.")

    async def __call__(
        self, y_true: JsonDataModel | None, y_pred: JsonDataModel | None, inputs: Any = None
    ) -> Judgement:
        """Judges one answer; model calls made for it count under the phase `reward`.

        Raises:
            TrainingError: `call` failed, or gave something else than a number from 0 to 1 or a `Judgement`.
        """
        if y_pred is None and not self.accepts_none:
            return Judgement(0.0, "There is no answer.")
        given = {"inputs": inputs} if self._wants_inputs else {}
        try:
            with phase("reward"):
                result = await self.call(self.masked(y_true), self.masked_answer(y_pred), **given)
        except KagError:
            raise
        except Exception as error:  # a user's code may raise anything; it is named and raised on
            raise TrainingError(
                f"The reward {self.name!r} failed: {type(error).__name__}: {error}"
            ) from error
        return self._judgement(result)

    def _judgement(self, result: Any) -> Judgement:
        told = result if isinstance(result, Judgement) else Judgement(_plain(result))
        if not _fits(told.reward):
            raise TrainingError(
                f"The reward {self.name!r} gave {told.reward!r}; expected a number from 0 to 1, or a "
                "Judgement with one."
            )
        return Judgement(min(1.0, max(0.0, float(told.reward))), told.feedback or "")


def _plain(number: Any) -> Any:
    """A numpy scalar as a Python number; anything else as it is."""
    return number.item() if not isinstance(number, int | float) and hasattr(number, "item") else number


def _fits(number: Any) -> bool:
    """Whether it is a number from 0 to 1, give or take rounding."""
    return isinstance(number, int | float) and math.isfinite(number) and -1e-6 <= number <= 1 + 1e-6
