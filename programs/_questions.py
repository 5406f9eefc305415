"""The reader's own questions: one JSON object a line, with `question`, `answer`, and `gold` where known.

An empty answer means that the documents do not answer the question, and that abstaining is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from kag import text
from kag.data_models.data_model import DataModel
from kag.datasets.base import numbered_rows
from kag.errors import TrainingError

_GOLD = ("gold", "sources", "documents")  # what a list of sources may be called
_MOST_NAMED = 5  # bad rows that a message names
LEAST = 4  # questions to train on: two to learn from, one to choose by, one to hold out


class RightAnswer(DataModel):
    """What a question's row says."""

    answer: str = Field(description="The right answer; empty if abstaining is right")
    gold: list[str] = Field(default=[], description="Titles, URIs, ids or quotes of what states it")


@dataclass(frozen=True, slots=True)
class Row:
    """A question with its right answer.

    Args:
        line: Its line in the file, from 1.
        question: What is asked.
        right: The right answer.
    """

    line: int
    question: str
    right: RightAnswer


def read_questions(path: Path) -> list[Row]:
    """Reads a file of questions, plain or gzipped.

    Raises:
        TrainingError: It cannot be read, is empty, or has bad rows; the message names them by line.
    """
    found: list[Row] = []
    wrong: list[str] = []
    for line, row in numbered_rows(path):
        try:
            found.append(_row(line, row))
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
    if wrong:
        more = f"\n  … and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise TrainingError(
            f"{path} has {len(wrong)} rows that cannot be used; expected "
            '{"question": "...", "answer": "...", "gold": ["a title or uri"]} (gold may be left out):\n  '
            + "\n  ".join(wrong[:_MOST_NAMED])
            + more
        )
    if not found:
        raise TrainingError(
            f'{path} holds no questions; expected one {{"question": "...", "answer": "..."}} a line.'
        )
    return found


def split(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Questions to search with, and those held out to the end.

    Which ones are held out depends on their words alone, so that training again, also with more questions,
    does not learn from what decides.

    Raises:
        TrainingError: There are too few questions, or the share leaves none on one side.
    """
    if len({_key(row) for row in rows}) < LEAST:
        raise TrainingError(
            f"There are {len({_key(row) for row in rows})} different questions; training needs at least "
            f"{LEAST} (30 or more to tell a better program from luck)."
        )
    if not 0 < share < 1:
        raise TrainingError(f"The share of questions to hold out must be between 0 and 1; got {share}.")
    keys = sorted({_key(row) for row in rows})
    count = min(len(keys) - LEAST + 1, max(1, round(len(keys) * share)))
    held = set(keys[:count])
    return [row for row in rows if _key(row) not in held], [row for row in rows if _key(row) in held]


def _key(row: Row) -> str:
    return hashlib.blake2b(text.normalise(row.question).encode(), digest_size=8).hexdigest()


def _row(line: int, row: dict[str, Any]) -> Row:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"question is {_shown(row, 'question')}; expected some words")
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        answer = str(answer)
    if not isinstance(answer, str):
        raise ValueError(f"answer is {_shown(row, 'answer')}; expected text, empty where abstaining is right")
    gold: Any = next((row[name] for name in _GOLD if row.get(name) is not None), [])
    gold = [gold] if isinstance(gold, str) else gold
    if not isinstance(gold, list) or not all(isinstance(one, str) for one in gold):
        raise ValueError(
            f"the sources are {str(gold)[:60]!r}; expected a list of titles, URIs, ids or quotes"
        )
    return Row(line, question.strip(), RightAnswer(answer=answer.strip(), gold=gold))


def _shown(row: dict[str, Any], name: str) -> str:
    return repr(row[name])[:60] if name in row else "missing"
