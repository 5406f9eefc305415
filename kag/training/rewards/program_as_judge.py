"""ProgramAsJudge: a program of one's own scores the answer."""

from __future__ import annotations

from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import TrainingError
from kag.module import Module
from kag.training.rewards._judging import side_by_side
from kag.training.rewards.base import Judgement, Reward


class ProgramAsJudge(Reward):
    """Gives the right answer (its fields begin with `gold_`) and the given one to a program or module.

    Args:
        program: Takes both in one data model; its output has `reward` from 0 to 1, and may have `critique` or
            `feedback` in words.
        name: What logs call it.
        in_mask: Names of the fields to judge, None for all.
        out_mask: Names of fields to leave out, None for none.

    Raises:
        TrainingError: It is not a program or module, or its output has no `reward`.

    Example:
        >>> program.compile(reward=ProgramAsJudge(program=my_judge), optimizer=RandomFewShot())
    """

    def __init__(
        self,
        program: Module | None = None,
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        if not isinstance(program, Module):
            raise TrainingError(f"ProgramAsJudge needs program=<a Program or Module>; got {program!r}.")
        self.program = program

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Runs the judge."""
        judged = await self.program(side_by_side(y_true, y_pred), training=False)
        if not isinstance(judged, JsonDataModel) or "reward" not in judged.data:
            given = (
                "nothing"
                if judged is None
                else ", ".join(getattr(judged, "data", {})) or type(judged).__name__
            )
            raise TrainingError(
                f"The judge {self.program.name!r} gave {given}; expected one data model with `reward` from "
                "0 to 1."
            )
        words = judged.data.get("critique") or judged.data.get("feedback") or ""
        return Judgement(judged.data["reward"], str(words))
