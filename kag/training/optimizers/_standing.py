"""How good candidates are thought to be, from all samples that they were run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from weakref import WeakKeyDictionary

from kag.training.optimizers.base import Search
from kag.training.records import Candidate, Outcome, ScoredTrial

_DOUBT = 4
"""A candidate is thought to be as good as the others until it has shown on about so many samples that it is
not."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known of a candidate.

    Args:
        candidate: The candidate.
        score: How good it is thought to be: the mean reward of all candidates, and by how much it did better
            than they on the same samples; less sure the fewer these are.
        outcomes: Of training samples, the first of each; they may be shown to a model.
        validation: Rewards of samples held out, by sample.
        complete: Whether it was run on all samples held out.
    """

    candidate: Candidate
    score: float
    outcomes: Mapping[str, Outcome]
    validation: Mapping[str, float]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Record:
    """What was seen of a candidate; a value, since steps that are under way hold on to what they saw."""

    candidate: Candidate
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    rewards: dict[str, float] = field(default_factory=dict)
    complete: bool = False

    def after(self, trial: ScoredTrial) -> _Record:
        """With one trial more."""
        outcomes = {one.sample.key: one for one in trial.outcomes} | self.outcomes
        validation = self.validation | {one.sample.key: one.reward for one in trial.validation}
        rewards = validation | {key: one.reward for key, one in outcomes.items()}
        complete = self.complete or trial.val_reward is not None
        return _Record(self.candidate, outcomes, validation, rewards, complete)

    def standing(self, usual: Mapping[str, float], middle: float) -> Standing:
        """What is known of it, if `usual` is what others have on each sample, and `middle` on all."""
        gaps = [reward - usual[key] for key, reward in self.rewards.items()]
        gap = sum(gaps) / (len(gaps) + _DOUBT)
        return Standing(self.candidate, middle + gap, self.outcomes, self.validation, self.complete)


class Standings:
    """The standings of all candidates of a search; trials are read once only.

    It holds nothing that does not follow from the trials.
    """

    def __init__(self) -> None:
        self._read: WeakKeyDictionary[ScoredTrial, tuple[int, dict[str, _Record]]] = WeakKeyDictionary()

    def of(self, search: Search) -> list[Standing]:
        """Of all candidates, best first, the earliest of equals; those of earlier fits as far as they fit."""
        records = self._records(search.trials)
        sums: dict[str, tuple[float, int]] = {}
        for record in records.values():
            for key, reward in record.rewards.items():
                total, count = sums.get(key, (0.0, 0))
                sums[key] = total + reward, count + 1
        middle = sum(total for total, _ in sums.values()) / (sum(count for _, count in sums.values()) or 1)
        usual = {key: (total + middle) / (count + 1) for key, (total, count) in sums.items()}
        known = [record.standing(usual, middle) for record in records.values()]
        known += [
            Standing(one, reward, {}, {}, False)
            for one, reward in search.earlier
            if one.key not in records and not search.fits(one)
        ]
        return sorted(known, key=lambda one: -one.score)

    def _records(self, trials: Sequence[ScoredTrial]) -> dict[str, _Record]:
        """By candidate; a search's trials only ever grow."""
        count, records = self._read.get(trials[0], (0, {}))
        if count > len(trials):
            count, records = 0, {}
        for trial in trials[count:]:
            record = records.get(trial.candidate.key) or _Record(trial.candidate)
            records[trial.candidate.key] = record.after(trial)
        self._read[trials[0]] = len(trials), records
        return records


def weakest(outcomes: Sequence[Outcome], paths: Sequence[str], random: Random) -> str:
    """A variable, drawn by how much reward was lost on samples in which it took part."""
    lost = [0.01 + sum(1.0 - one.reward for one in outcomes if one.touches(path)) for path in paths]
    return random.choices(paths, lost)[0]


def keys_of(standings: Sequence[Standing]) -> frozenset[str]:
    """Keys of the candidates that were tried."""
    return frozenset(one.candidate.key for one in standings)
