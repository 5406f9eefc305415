"""GSM8K: grade-school problems with solutions that end in a number (Cobbe et al., arXiv 2110.14168)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from kag.data_models.data_model import DataModel
from kag.datasets import base
from kag.errors import TrainingError

if TYPE_CHECKING:
    from kag.datasets.base import Split

_SOURCE = "GSM8K is on GitHub (openai/grade-school-math): put its train.jsonl there as gsm8k_train.jsonl."


class MathQuestion(DataModel):
    """A problem in words."""

    question: str = Field(description="The math word problem")


class NumericalAnswerWithThinking(DataModel):
    """A solution and its number."""

    thinking: str = Field(description="The step by step solution")
    answer: float = Field(description="The correct numerical answer")


def get_input_data_model() -> type[MathQuestion]:
    """The data model of the problems."""
    return MathQuestion


def get_output_data_model() -> type[NumericalAnswerWithThinking]:
    """The data model of the solutions."""
    return NumericalAnswerWithThinking


def load_data(folder: str | Path | None = None) -> tuple[Split, Split]:
    """Loads the problems and their solutions.

    Args:
        folder: Holds `gsm8k_train.jsonl[.gz]` and `gsm8k_test.jsonl[.gz]`; by default that of KAG_DATA. Where
            one of the two is missing the last tenth of the other serves, with a warning.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, object arrays of data models.

    Raises:
        TrainingError: The data is not there, or cannot be read.
    """
    return base.load("gsm8k", folder, _SOURCE, _read)


def _read(path: Path) -> Iterator[tuple[DataModel, DataModel]]:
    for row in base.rows(path):
        solution, mark, number = str(base.field(row, "answer", path)).rpartition("####")
        try:
            answer = float(number.strip().replace(",", ""))
        except ValueError:
            raise TrainingError(
                f"{path}: a solution ends in {number.strip()!r}; expected a number."
            ) from None
        if not mark:
            solution = ""
        question = str(base.field(row, "question", path))
        yield (
            MathQuestion(question=question),
            NumericalAnswerWithThinking(thinking=solution.strip(), answer=answer),
        )
