"""ARC-AGI-1: puzzles of coloured grids, each a rule to find from examples (Chollet, arXiv 1911.01547)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from kag.data_models.data_model import DataModel
from kag.datasets import base
from kag.errors import TrainingError

if TYPE_CHECKING:
    from kag.datasets.base import Split

Grid = list[list[int]]
_SOURCE = (
    "ARC-AGI is on GitHub (fchollet/ARC-AGI): write its training tasks to arc_agi1_training.jsonl, one "
    '{"id": ..., "train": [{"input": grid, "output": grid}, ...], "test": [...]} a line.'
)


class Example(DataModel):
    """A grid and what the rule makes of it."""

    input: Grid = Field(description="Rows of colours, 0 to 9")
    output: Grid = Field(description="The grid after the rule")


class Puzzle(DataModel):
    """Examples of a rule, and a grid to apply it to."""

    examples: list[Example] = Field(description="Grids before and after the rule")
    input: Grid = Field(description="The grid to apply the rule to")


class Solution(DataModel):
    """What the rule makes of the grid."""

    output: Grid = Field(description="The grid after the rule")


def get_input_data_model() -> type[Puzzle]:
    """The data model of the puzzles."""
    return Puzzle


def get_output_data_model() -> type[Solution]:
    """The data model of the solutions."""
    return Solution


def load_data(folder: str | Path | None = None, *, task: str | None = None) -> tuple[Split, Split]:
    """Loads puzzles: to train on, each example of a task is left out in turn and is what is asked for.

    Args:
        folder: Holds `arc_agi1_training.jsonl[.gz]`; by default that of KAG_DATA.
        task: Only the task with this id.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, object arrays of data models; the test grids of the tasks are
        the second pair.

    Raises:
        TrainingError: The data or the task is not there, or cannot be read.
    """
    root = base.folder_of(folder, "arcagi", _SOURCE)
    path = base.find(root, "arc_agi1", "train")
    if path is None:
        raise TrainingError(f"There is no arc_agi1_training.jsonl in {root}. {_SOURCE}")
    tasks = [row for row in base.rows(path) if task in (None, row.get("id"))]
    if not tasks:
        raise TrainingError(f"{path} has no task {task!r}; name one of its ids, or none for all.")
    left_out = [pair for row in tasks for pair in _left_out(base.field(row, "train", path))]
    asked = [
        _pair(base.field(row, "train", path), one) for row in tasks for one in base.field(row, "test", path)
    ]
    return base.arrays(left_out), base.arrays(asked)


def _left_out(examples: list[dict[str, Any]]) -> Iterator[tuple[DataModel, DataModel]]:
    for number, one in enumerate(examples):
        yield _pair(examples[:number] + examples[number + 1 :], one)


def _pair(examples: list[dict[str, Any]], asked: dict[str, Any]) -> tuple[DataModel, DataModel]:
    shown = [Example(input=one["input"], output=one["output"]) for one in examples]
    return Puzzle(examples=shown, input=asked["input"]), Solution(output=asked["output"])
