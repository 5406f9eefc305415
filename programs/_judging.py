"""How well a program answers questions: each answer with its reward, within one limit of concurrency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import AuthenticationError, BudgetExceeded, KagError, LanguageModelError, ProviderError
from kag.graph.structure import leaves
from kag.graph.window import sliding
from kag.language_models.usage import Usage, metered
from kag.program import Program
from kag.training.rewards.base import Reward
from programs._library import inputs_for
from programs._questions import Row


@dataclass(frozen=True, slots=True)
class Judged:
    """One question's answer and what it is worth.

    Args:
        row: The question.
        answer: The program's answer in words; empty if it abstained or failed.
        reward: From 0 to 1.
        feedback: Why, in words.
        error: What failed, empty if nothing did.
        calls: Model calls that it took, those of the reward included.
        cost: USD.
        tokens: Tokens of prompts and answers.
        unpriced: Requests whose price is not known; they count as free.
    """

    row: Row
    answer: str
    reward: float
    feedback: str = ""
    error: str = ""
    calls: int = 0
    cost: float = 0.0
    tokens: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """How a program did on some questions, in their order."""

    judged: tuple[Judged, ...]

    @property
    def mean(self) -> float:
        """The mean reward."""
        return sum(one.reward for one in self.judged) / len(self.judged) if self.judged else 0.0

    @property
    def calls(self) -> int:
        """Model calls."""
        return sum(one.calls for one in self.judged)

    @property
    def cost(self) -> float:
        """USD."""
        return sum(one.cost for one in self.judged)

    @property
    def failures(self) -> list[Judged]:
        """The questions that failed."""
        return [one for one in self.judged if one.error]

    def as_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "questions": len(self.judged),
            "reward": round(self.mean, 6),
            "failures": len(self.failures),
            "calls": self.calls,
            "cost": self.cost,
            "tokens": sum(one.tokens for one in self.judged),
            "answers": [
                {
                    "line": one.row.line,
                    "question": one.row.question,
                    "expected": one.row.right.answer,
                    "answer": one.answer,
                    "reward": round(one.reward, 6),
                    **({"feedback": one.feedback} if one.feedback else {}),
                    **({"error": one.error} if one.error else {}),
                }
                for one in self.judged
            ],
        }


async def judge(program: Program, reward: Reward, rows: Sequence[Row], concurrency: int) -> Scores:
    """Runs a program on questions and judges each answer; a question that fails has a reward of 0.

    Raises:
        LanguageModelError: No call can succeed: a wrong key, no such model, no server.
        TrainingError: The reward cannot judge these answers.
    """
    return Scores(tuple(await sliding(partial(judge_one, program, reward), rows, concurrency)))


async def judge_one(program: Program, reward: Reward, row: Row) -> Judged:
    """The same for one question."""
    with metered(Usage()) as used:
        judged = await _judged(program, reward, row)
    return replace(judged, calls=used.calls, cost=used.cost, tokens=used.total_tokens, unpriced=used.unpriced)


async def _judged(program: Program, reward: Reward, row: Row) -> Judged:
    inputs = inputs_for(program, row.question)
    try:
        outputs = await program(inputs)
    except KagError as error:
        if not isinstance(error, LanguageModelError) or condemns_all(error):
            raise
        return Judged(row, "", 0.0, error=f"{type(error).__name__}: {error}")
    taken = next((one for one in leaves(outputs) if isinstance(one, JsonDataModel)), None)
    told = await reward(row.right.to_json_data_model(), taken, inputs)
    return Judged(row, str(taken.get("answer", "") if taken else ""), told.reward, told.feedback)


def condemns_all(error: LanguageModelError) -> bool:
    """Whether the next call would fail in the same way: a wrong key, no model, no server, no money."""
    unreachable = isinstance(error, ProviderError) and error.status in (None, 404)
    return unreachable or isinstance(error, AuthenticationError | BudgetExceeded)


def difference(old: Scores, new: Scores) -> tuple[float, float]:
    """By how much the second is better on the same questions, and the standard error of that."""
    gaps = [b.reward - a.reward for a, b in zip(old.judged, new.judged, strict=True)]
    mean = sum(gaps) / len(gaps)
    if len(gaps) < 2:
        return mean, float("inf")
    variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    return mean, sqrt(variance / len(gaps))
