"""MuSiQue: questions of two to four hops (Trivedi et al., arXiv 2108.00573)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kag.datasets import base
from kag.datasets._questions import Answer, Question, read

if TYPE_CHECKING:
    from kag.datasets.base import Split

_SOURCE = (
    "MuSiQue is on GitHub (StonyBrookNLP/musique): write its questions to musique_train.jsonl, "
    'one {"question": ..., "answer": ...} a line.'
)


def get_input_data_model() -> type[Question]:
    """The data model of the questions."""
    return Question


def get_output_data_model() -> type[Answer]:
    """The data model of the answers."""
    return Answer


def load_data(folder: str | Path | None = None) -> tuple[Split, Split]:
    """Loads the questions and their answers.

    Args:
        folder: Holds `musique_train*.jsonl[.gz]`, or a folder `musique_train*` with `queries.jsonl[.gz]`, and
            the same for `test`; by default that of KAG_DATA. Where one of the two is missing the last tenth
            of the other serves, with a warning.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, object arrays of data models.

    Raises:
        TrainingError: The data is not there, or cannot be read.
    """
    return base.load("musique", folder, _SOURCE, read)
