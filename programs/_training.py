"""Trains a program on questions, and lets it replace the old one only if it answers unseen ones better.

The questions are parted in three: some to learn from, some by which the search chooses, and some that the
search never sees. Only the last decide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kag.errors import TrainingError
from kag.graph.window import sliding
from kag.program import Program
from kag.saving import to_json
from kag.training.callbacks.history import History
from kag.training.optimizers.base import Optimizer
from kag.training.records import MEMORY, digest
from kag.training.rewards.base import Reward
from programs._changes import changes, prompts
from programs._judging import Judged, Scores, difference, judge_one
from programs._library import inputs_for
from programs._questions import Row

_JUDGED = "held_out.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train; see `kag train --help`."""

    reward: Reward
    optimizer: Optimizer
    epochs: int
    batch_size: int
    validation: float
    concurrency: int
    seed: int | None
    max_cost: float | None
    max_calls: int | None
    max_time: float | None
    run_dir: Path | None
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    Args:
        history: Of the search.
        old: The present program on the questions that were held out.
        new: The trained one on the same.
        changed: Whether the new program is another than the present one.
        diff: What changed in the prompts.
    """

    history: History
    old: Scores
    new: Scores
    changed: bool
    diff: str

    @property
    def better(self) -> bool:
        """Whether the new program may replace the old one."""
        return self.changed and self.new.mean > self.old.mean

    @property
    def gain(self) -> tuple[float, float]:
        """By how much the new one is better, and the standard error of that."""
        return difference(self.old, self.new)

    @property
    def calls(self) -> int:
        """All model calls."""
        return self.history.calls + self.old.calls + (self.new.calls if self.changed else 0)

    @property
    def cost(self) -> float:
        """All USD."""
        return self.history.cost + self.old.cost + (self.new.cost if self.changed else 0.0)


async def train(
    program: Program, rival: Program, rows: Sequence[Row], held: Sequence[Row], plan: Plan
) -> Trained:
    """Searches for better prompts of a program and compares it with its rival.

    Args:
        program: What is trained; it has the best prompts afterwards.
        rival: What it must beat: the program that would be replaced, or the start.
        rows: Questions to search with.
        held: Questions to decide by.
        plan: How.

    Raises:
        TrainingError: The budget does not suffice, or something cannot be used.
        LanguageModelError: No call to the model can succeed.
    """
    before, known = prompts(rival), _identity(rival)
    gate = _Gate(plan, held)
    old = await gate.scores(rival)
    program.compile(reward=plan.reward, optimizer=plan.optimizer)
    max_calls, max_cost = _left(plan, old)
    history = await program.fit(
        [inputs_for(program, row.question) for row in rows],
        [row.right for row in rows],
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        validation_split=plan.validation,
        max_concurrency=plan.concurrency,
        seed=plan.seed,
        on_error="zero",
        max_calls=max_calls,
        max_cost=max_cost,
        max_time=plan.max_time,
        run_dir=plan.run_dir,
    )
    changed = _identity(program) != known
    new = await gate.scores(program) if changed else old
    return Trained(history, old, new, changed, changes(before, prompts(program)))


def _left(plan: Plan, old: Scores) -> tuple[int | None, float | None]:
    """What the search may take, so that the new program can be judged as well.

    Raises:
        TrainingError: Nothing is left, or it is not known what calls cost.
    """
    if plan.max_cost is not None and any(one.unpriced for one in old.judged):
        raise TrainingError(
            "--max-cost cannot hold: the price of the model is not known. Use --max-calls or --max-time."
        )
    max_calls = None if plan.max_calls is None else plan.max_calls - 2 * old.calls
    max_cost = None if plan.max_cost is None else plan.max_cost - 3 * old.cost  # new prompts may be longer
    if (max_calls is not None and max_calls < 1) or (max_cost is not None and max_cost <= 0):
        raise TrainingError(
            f"The budget is spent before the search begins: the {len(old.judged)} held-out questions took "
            f"{old.calls} calls and ${old.cost:.4f}, and as much is needed for the new program. Raise "
            "--max-calls or --max-cost, or hold out fewer questions with --held-out."
        )
    return max_calls, max_cost


class _Gate:
    """Judges programs on the questions that were held out; what is known is kept in the run's folder."""

    def __init__(self, plan: Plan, held: Sequence[Row]) -> None:
        self._plan = plan
        self._held = held
        self._file = None if plan.run_dir is None else plan.run_dir / _JUDGED

    async def scores(self, program: Program) -> Scores:
        """How a program does on them."""
        self._plan.tell(f"Judging {program.name} on {len(self._held)} held-out questions ...")
        reward = self._plan.reward
        common = [_identity(program), type(reward).__name__, repr(reward.get_config())]
        known = self._known()

        async def judged(row: Row) -> Judged:
            key = digest([*common, row.question, row.right.model_dump()])
            if key in known:
                return Judged(row, **known[key])
            one = await judge_one(program, reward, row)
            self._keep(key, one)
            return one

        return Scores(tuple(await sliding(judged, self._held, self._plan.concurrency)))

    def _known(self) -> dict[str, dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        if self._file is not None and self._file.is_file():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                try:
                    kept = json.loads(line)
                except ValueError:  # half written when it was killed: it is judged anew
                    continue
                known[kept.pop("key")] = kept
        return known

    def _keep(self, key: str, one: Judged) -> None:
        if self._file is None:
            return
        kept = {f.name: getattr(one, f.name) for f in fields(one) if f.name != "row"}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **kept}) + "\n")


def _identity(program: Program) -> str:
    """A name of what a program does: its structure and prompts, without what it remembers of a search."""
    values = [
        {name: item for name, item in variable.data.items() if name not in MEMORY}
        for variable in program.variables
    ]
    return digest([json.loads(to_json(program))["program"], values])


def summary(trained: Trained) -> dict[str, Any]:
    """The outcome as JSON data, without the answers."""
    gain, error = trained.gain
    history = trained.history
    return {
        "better": trained.better,
        "held_out": {
            "questions": len(trained.old.judged),
            "before": round(trained.old.mean, 6),
            "after": round(trained.new.mean, 6),
            "gain": round(gain, 6),
            "standard_error": round(error, 6) if math.isfinite(error) else None,
        },
        "search": {
            "best_reward": history.best_reward,
            "trials": len(history.trials),
            "failures": len(history.failures),
            "epochs": len(history.epoch),
            "seed": history.params.get("seed"),
            "stopped": history.stop_reason,
            "history": history.history,
        },
        "calls": trained.calls,
        "cost": trained.cost,
        "seconds": round(history.seconds, 3),
        "changes": trained.diff,
    }
