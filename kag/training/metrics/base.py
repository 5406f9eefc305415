"""Metric: what is measured beside the reward, over all samples of a pass."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import TrainingError
from kag.training._configured import Masked


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the program took.

    Args:
        reward: What the reward said of it, 0 to 1.
        seconds: From start to end of the program, without the reward.
        calls: Calls of language models.
        tokens: Tokens of prompts and answers.
        cost: USD.
        failed: It ended in an error.
    """

    reward: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    failed: bool = False


class Metric(Masked):
    """The base of all metrics: subclasses define `measure` and `summarise`.

    One object may be used by many passes at once: what a sample contributes is returned, not kept. `measure`
    gets the masked values; if it has a parameter `run`, it also gets the `Run` (time, tokens, cost, reward).

    Args:
        name: What logs call it.
        in_mask: Names of the fields to look at, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> class Length(Metric):
        ...     async def measure(self, y_true, y_pred):
        ...         return len(y_pred.get("answer"))
        ...     def summarise(self, measured):
        ...         return sum(measured) / len(measured)
    """

    mode: ClassVar[str] = "max"
    """Whether `max` or `min` is better; callbacks with mode="auto" look here."""

    accepts_none: ClassVar[bool] = False
    """True for metrics whose `measure` wants to see an answer of None; the others skip it."""

    _wants_run: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._wants_run = "run" in inspect.signature(cls.measure).parameters

    def __init__(
        self, name: str | None = None, in_mask: list[str] | None = None, out_mask: list[str] | None = None
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        self._measured: list[Any] = []

    async def measure(self, y_true: Any, y_pred: Any, **given: Any) -> Any:
        """What one sample contributes; any value that `summarise` understands.

        Args:
            y_true: The right answer, masked; None if there is none.
            y_pred: The program's answer, masked; never None unless the class sets `accepts_none`.
            **given: `run`, for subclasses that name it.
        """
        raise TrainingError(f"{type(self).__name__} must define `async def measure(self, y_true, y_pred)`.")

    def summarise(self, measured: Sequence[Any]) -> float:
        """The metric of a pass, from what its samples contributed, in their order; at least one."""
        raise TrainingError(f"{type(self).__name__} must define `def summarise(self, measured)`.")

    async def contribution(
        self, y_true: JsonDataModel | None, y_pred: JsonDataModel | None, run: Run | None = None
    ) -> tuple[Any, ...]:
        """`measure` of the masked values in a tuple; an empty one for an answer that does not count."""
        if y_pred is None and not self.accepts_none:
            return ()
        given = {"run": run or Run()} if self._wants_run else {}
        return (await self.measure(self.masked(y_true), self.masked_answer(y_pred), **given),)

    async def update_state(
        self, y_true: JsonDataModel | None, y_pred: JsonDataModel | None, run: Run | None = None
    ) -> None:
        """Adds a sample, for use outside of training."""
        self._measured.extend(await self.contribution(y_true, y_pred, run))

    def result(self) -> float:
        """The metric of the samples added so far; 0 without any."""
        return self.summarise(self._measured) if self._measured else 0.0

    def reset_state(self) -> None:
        """Forgets the samples added so far."""
        self._measured = []
