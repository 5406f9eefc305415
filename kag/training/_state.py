"""What a program keeps of its fits: how many epochs it was trained, and the best values so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kag.data_models.variable import Variable
from kag.errors import TrainingError
from kag.schema.values import Json
from kag.training.records import Candidate, ScoredTrial

_MOST = 10


@dataclass(frozen=True, slots=True)
class State:
    """Optimizer state of a program.

    Args:
        epochs: Epochs of all its fits.
        candidates: The best values found, with their rewards on all validation samples, best first.
    """

    epochs: int = 0
    candidates: tuple[tuple[Candidate, float], ...] = ()

    @classmethod
    def of(cls, training: Mapping[str, Any] | None) -> State:
        """What a program keeps.

        Raises:
            TrainingError: It is damaged.
        """
        kept = (training or {}).get("state")
        if kept is None:
            return cls()
        try:
            candidates = [
                (Candidate(one["values"], (), "earlier"), float(one["reward"])) for one in kept["candidates"]
            ]
            return cls(int(kept["epochs"]), tuple(candidates))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TrainingError(f"The optimizer state of the program is damaged: {error!r}.") from error

    def after(self, epochs: int, trials: Sequence[ScoredTrial]) -> State:
        """The state after so many more epochs."""
        found = {one.key: (one, reward) for one, reward in self.candidates}
        for trial in trials:
            if trial.val_reward is not None and trial.candidate.key not in found:
                found[trial.candidate.key] = (trial.candidate, trial.val_reward)
        best = sorted(found.values(), key=lambda pair: -pair[1])
        return State(self.epochs + epochs, tuple(best[:_MOST]))

    def get_json(self) -> Json:
        """It as JSON, for `of`."""
        candidates = [{"values": dict(one.values), "reward": reward} for one, reward in self.candidates]
        return {"epochs": self.epochs, "candidates": candidates}


def seeds_of(start: Candidate, variables: Mapping[str, Variable]) -> list[Candidate]:
    """Further values to start from: the n-th seed of every variable that has one."""
    seeds: list[Candidate] = []
    most = max((len(variable.get("seed_candidates") or []) for variable in variables.values()), default=0)
    for place in range(most):
        candidate = start
        for path, variable in variables.items():
            given = (variable.get("seed_candidates") or [])[place : place + 1]
            for fields in given:
                candidate = candidate.with_value(path, origin="seed", **fields)
        if candidate not in (start, *seeds):
            seeds.append(candidate)
    return seeds
