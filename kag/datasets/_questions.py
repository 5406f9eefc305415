"""Question and short answer: the data models of the question answering sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from kag.data_models.data_model import DataModel
from kag.datasets import base


class Question(DataModel):
    """A question."""

    question: str = Field(description="The question")


class Answer(DataModel):
    """A short answer."""

    answer: str = Field(description="The short answer")


def read(path: Path) -> Iterator[tuple[DataModel, DataModel]]:
    """Reads questions with their answers."""
    for row in base.rows(path):
        question, answer = str(base.field(row, "question", path)), str(base.field(row, "answer", path))
        yield Question(question=question), Answer(answer=answer)
