"""Few-shot search: a pool of good examples for each variable, and which sets of them to try next.

What a set is worth is modelled as a sum over its examples, a linear bandit; a set is drawn by Thompson
sampling (arXiv 1209.3352): examples of which little is known vary most in what they are thought to add, so
they are tried, and those which helped come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import TrainingError
from kag.graph.structure import leaves
from kag.schema.values import Json
from kag.training.optimizers.base import Search
from kag.training.records import Candidate, Demonstration, Outcome, ScoredTrial, digest

_NOISE = 0.25
"""Variance of one sample's reward, at most."""
_SPREAD = 0.04
"""Variance of what examples add, before anything is known."""
_BOLD = 0.6
"""The temperature at which examples are drawn as Thompson sampling has it; lower ones try less."""


@dataclass(frozen=True, slots=True)
class Example:
    """An example that may be shown.

    Args:
        key: Name of its content.
        inputs_key: Name of its inputs; a set has no two examples with the same ones.
        value: What stands in the variable's `examples`.
    """

    key: str
    inputs_key: str
    value: Json


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a trial tells of one variable.

    Args:
        examples: Good ones that came up in it, those of its candidate included.
        shown: Keys of the examples in its candidate.
        rewards: Of the samples which the variable took part in and which were not among those, by sample.
    """

    examples: Mapping[str, Example]
    shown: frozenset[str]
    rewards: tuple[tuple[str, float], ...]


class FewShot:
    """How examples are chosen.

    Args:
        nb_min_examples: At least so many in a set, as soon as there are as many.
        nb_max_examples: At most so many.
        sampling_temperature: How boldly unknown sets are tried, above 0: 0.3 is usual, 1 bold.
        min_reward: A prediction becomes an example if the program's answer had at least this reward.
    """

    def __init__(
        self, nb_min_examples: int, nb_max_examples: int, sampling_temperature: float, min_reward: float
    ) -> None:
        counts = (nb_min_examples, nb_max_examples)
        if any(not isinstance(count, int) or isinstance(count, bool) for count in counts):
            raise TrainingError(f"nb_min_examples and nb_max_examples must be whole numbers; got {counts}.")
        if not 0 <= nb_min_examples <= nb_max_examples or nb_max_examples < 1:
            raise TrainingError(
                f"Expected 0 <= nb_min_examples <= nb_max_examples, the last of at least 1; got {counts}."
            )
        if not _number(sampling_temperature) or sampling_temperature <= 0:
            raise TrainingError(f"sampling_temperature must be above 0; got {sampling_temperature!r}.")
        if not _number(min_reward) or not 0 <= min_reward <= 1:
            raise TrainingError(f"min_reward must be from 0 to 1; got {min_reward!r}.")
        self._least, self._most = counts
        self._temperature = sampling_temperature
        self._min_reward = min_reward
        self._seen: WeakKeyDictionary[ScoredTrial, dict[str, _Seen]] = WeakKeyDictionary()

    def pool(self, search: Search, path: str) -> dict[str, Example]:
        """The examples that are known for a variable, by key, in the order in which they came up."""
        known: dict[str, Example] = {}
        for trial in search.trials:
            known.update(self._of(trial, path).examples)
        for candidate, _ in search.earlier:
            known.update(_shown(candidate, path))
        return known

    def propose(self, search: Search, path: str) -> list[Json] | None:
        """A set of examples to try for a variable; None if there are none."""
        pool = self.pool(search, path)
        if not pool:
            return None
        worth = self._worth(search, path, list(pool), search.random)
        ranked = sorted(pool.values(), key=lambda one: -worth[one.key])
        chosen: list[Example] = []
        for one in ranked:
            if len(chosen) == self._most or (len(chosen) >= self._least and worth[one.key] <= 0):
                break
            if all(one.inputs_key != other.inputs_key for other in chosen):
                chosen.append(one)
        return [one.value for one in sorted(chosen, key=lambda one: one.key)]

    def _worth(self, search: Search, path: str, keys: Sequence[str], random: Random) -> dict[str, float]:
        """What each example may add, drawn from what is thought of it."""
        import numpy as np

        seen = [one for one in (self._of(trial, path) for trial in search.trials) if one.rewards]
        place = {key: column for column, key in enumerate(keys)}
        noise = np.array([random.gauss(0.0, 1.0) for _ in keys]) * self._temperature / _BOLD
        if not seen:
            return dict(zip(keys, noise.tolist(), strict=True))
        sets = np.zeros((len(seen), len(keys) + 1))
        sets[:, -1] = 2.0  # what the program does without examples is not known well either
        for row, one in enumerate(seen):
            sets[row, [place[key] for key in one.shown if key in place]] = 1.0
        counts = np.array([len(one.rewards) for one in seen])
        spread = sets @ sets.T * _SPREAD + np.diag(_NOISE / counts)
        gain = np.linalg.solve(spread, sets).T * _SPREAD  # (examples + 1, trials)
        mean = gain @ np.array(_gaps(seen))
        variance = _SPREAD - _SPREAD * np.einsum("et,te->e", gain, sets)
        drawn = mean[:-1] + noise * np.sqrt(np.maximum(variance[:-1], 0.0))
        return dict(zip(keys, drawn.tolist(), strict=True))

    def _of(self, trial: ScoredTrial, path: str) -> _Seen:
        known = self._seen.setdefault(trial, {})
        if path not in known:
            known[path] = self._look(trial, path)
        return known[path]

    def _look(self, trial: ScoredTrial, path: str) -> _Seen:
        examples = _shown(trial.candidate, path)
        shown = frozenset(examples)
        inputs = {one.inputs_key for one in examples.values()}
        rewards: list[tuple[str, float]] = []
        for outcome in (*trial.outcomes, *trial.validation):
            made = [one for one in outcome.demonstrations if one.path == path]
            if made and not any(one.inputs_key in inputs for one in made):
                rewards.append((outcome.sample.key, outcome.reward))
        for outcome in trial.outcomes:  # what is held out never becomes an example
            for one in outcome.demonstrations:
                if one.path == path:
                    examples.update(self._examples(outcome, one))
        return _Seen(examples, shown, tuple(rewards))

    def _examples(self, outcome: Outcome, made: Demonstration) -> dict[str, Example]:
        """The example that a prediction gives: with the right answer if known, else if it was good."""
        right = _right(outcome, made)
        if right is None and outcome.reward < self._min_reward:
            return {}
        value = {"inputs": made.inputs, "outputs": made.outputs if right is None else right}
        key = made.key if right is None else digest(value)
        return {key: Example(key, made.inputs_key, value)}


def _gaps(seen: Sequence[_Seen]) -> list[float]:
    """By how much each trial did better than others on its samples, since some samples are easier."""
    sums: dict[str, tuple[float, int]] = {}
    for trial in seen:
        for key, reward in trial.rewards:
            total, count = sums.get(key, (0.0, 0))
            sums[key] = total + reward, count + 1
    middle = sum(total for total, _ in sums.values()) / sum(count for _, count in sums.values())
    usual = {key: (total + middle) / (count + 1) for key, (total, count) in sums.items()}
    return [sum(reward - usual[key] for key, reward in one.rewards) / len(one.rewards) for one in seen]


def _right(outcome: Outcome, made: Demonstration) -> Json | None:
    """The right answer in the form of a module's outputs; None if it is not for this module, or not known."""
    answers = [leaf.data for leaf in leaves(outcome.outputs) if isinstance(leaf, JsonDataModel)]
    targets = [leaf.data for leaf in leaves(outcome.sample.target) if isinstance(leaf, JsonDataModel)]
    if len(answers) != 1 or len(targets) != 1 or not made.outputs.keys() <= targets[0].keys():
        return None
    gave = {name: answers[0].get(name) for name in made.outputs}
    return {name: targets[0][name] for name in made.outputs} if gave == made.outputs else None


def _shown(candidate: Candidate, path: str) -> dict[str, Example]:
    """The examples of a candidate."""
    shown = {}
    for one in candidate.values.get(path, {}).get("examples") or ():
        value = {"inputs": one.get("inputs") or {}, "outputs": one.get("outputs") or {}}
        key = digest(value)
        shown[key] = Example(key, digest(value["inputs"]), value)
    return shown


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
