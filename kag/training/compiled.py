"""What `compile` was given: which reward judges which output, and what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import KagError, TrainingError
from kag.graph.structure import leaves, leaves_like
from kag.training.metrics.base import Metric
from kag.training.optimizers.base import Optimizer
from kag.training.records import Outcome, Sample
from kag.training.rewards.base import Judgement, Reward


@dataclass(frozen=True, slots=True)
class Compiled:
    """Settings of training.

    Args:
        rewards: One for all outputs of the program, or one an output.
        optimizer: What proposes; None if the program is only evaluated.
        metrics: What is measured beside; on programs with several outputs, on each of them.
        weights: Of the outputs in the reward; empty for equal ones.
    """

    rewards: tuple[Reward, ...]
    optimizer: Optimizer | None
    metrics: tuple[Metric, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Compiled:
        """The settings that a program keeps, checked.

        Raises:
            TrainingError: There are none, or something in them is of a wrong kind.
        """
        if settings is None:
            raise TrainingError(
                "The program is not compiled; call program.compile(reward=kag.rewards.ExactMatch(), "
                "optimizer=kag.optimizers.RandomFewShot()) first."
            )
        rewards, metrics = _listed(settings.get("reward")), _listed(settings.get("metrics"))
        optimizer = settings.get("optimizer")
        _check("reward", rewards, Reward, "kag.rewards.MeanRewardWrapper(fn=...) makes one of a function")
        _check("metrics", metrics, Metric, "such as kag.metrics.F1Score()")
        if optimizer is not None:
            _check("optimizer", (optimizer,), Optimizer, "such as kag.optimizers.RandomFewShot()")
        if not rewards:
            raise TrainingError("compile needs reward=..., such as kag.rewards.ExactMatch().")
        names = [metric.name for metric in metrics]
        twice = next((name for name in [*names, "reward"] if [*names, "reward"].count(name) > 1), None)
        if twice is not None:
            raise TrainingError(f"Two logs would be called {twice!r}; give the metrics different name=....")
        weights = _weights(settings.get("reward_weights"), len(rewards))
        return cls(rewards, optimizer, metrics, weights)

    async def judge(self, sample: Sample, outputs: Any) -> Judgement:
        """The reward of an answer: the weighted mean over the outputs.

        An output that is None, and rightly so, has no part in it.

        Raises:
            TrainingError: The target does not have the structure of the outputs.
        """
        pairs = _pairs(sample, outputs)
        rewards = self.rewards if len(self.rewards) > 1 else self.rewards * len(pairs)
        if len(rewards) != len(pairs):
            raise TrainingError(f"The program has {len(pairs)} outputs, compile got {len(rewards)} rewards.")
        if self.weights and len(self.weights) != len(pairs):
            raise TrainingError(f"The program has {len(pairs)} outputs, reward_weights {len(self.weights)}.")
        lacking = next((one for one in rewards if one.needs_target), None)
        if sample.target is None and lacking is not None:
            raise TrainingError(
                f"The reward {lacking.name!r} compares with the right answer, and sample {sample.index} has "
                "none; give y=..., or a reward that needs none."
            )
        if len(pairs) == 1:
            return await rewards[0](*pairs[0], sample.inputs)
        weights = self.weights or (1.0,) * len(pairs)
        parts = [part for part in zip(rewards, weights, pairs, strict=True) if part[2] != (None, None)]
        judged = await asyncio.gather(*(one(*pair, sample.inputs) for one, _, pair in parts))
        total = sum(weight for _, weight, _ in parts)
        if not total:
            return Judgement(0.0, "There is no answer.")
        mean = sum(part[1] * one.reward for part, one in zip(parts, judged, strict=True)) / total
        return Judgement(mean, "\n".join(one.feedback for one in judged if one.feedback))

    async def measured(self, outcomes: Sequence[Outcome]) -> dict[str, float]:
        """The metrics of a pass, by name; those to which no sample contributes are left out."""
        values: dict[str, float] = {}
        for metric in self.metrics:
            try:
                value = await _measured(metric, outcomes)
            except KagError:
                raise
            except Exception as error:  # a user's code may raise anything; it is named and raised on
                raise TrainingError(
                    f"The metric {metric.name!r} failed: {type(error).__name__}: {error}"
                ) from error
            values |= {} if value is None else {metric.name: value}
        return values


async def _measured(metric: Metric, outcomes: Sequence[Outcome]) -> float | None:
    """A metric of a pass; None if no sample contributes."""
    parts: list[Any] = []
    for outcome in outcomes:
        for y_true, y_pred in _pairs(outcome.sample, outcome.outputs):
            parts += await metric.contribution(y_true, y_pred, outcome.run)
    return float(metric.summarise(parts)) if parts else None


Pair = tuple[JsonDataModel | None, JsonDataModel | None]


def _pairs(sample: Sample, outputs: Any) -> list[Pair]:
    """Target and answer of each output."""
    target = sample.target
    if outputs is None or isinstance(outputs, JsonDataModel):
        if target is None or isinstance(target, JsonDataModel):
            return [(target, outputs)]
        return [(right, None) for right in leaves(target)] if outputs is None else _refuse(sample)
    answers = list(leaves(outputs))
    if target is None:
        return [(None, answer) for answer in answers]
    if isinstance(target, JsonDataModel):  # branches that were not merged: the one taken is the answer
        taken = [answer for answer in answers if answer is not None]
        return [(target, taken[0] if taken else None)] if len(taken) <= 1 else _refuse(sample)
    fitting = leaves_like(outputs, target)
    return list(zip(fitting, answers, strict=True)) if fitting is not None else _refuse(sample)


def _refuse(sample: Sample) -> list[Pair]:
    raise TrainingError(
        f"The target of sample {sample.index} does not have the structure of the program's outputs; "
        "give one data model for each output, in the same tuple, list or dict."
    )


def _listed(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(given.values())
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _check(what: str, things: Sequence[Any], kind: type, hint: str) -> None:
    for thing in things:
        if not isinstance(thing, kind):
            got = f"the class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__
            raise TrainingError(f"compile: {what} must be a {kind.__name__}; got {got} ({hint}).")


def _weights(given: Any, rewards: int) -> tuple[float, ...]:
    weights = _listed(given)
    fine = all(isinstance(w, int | float) and not isinstance(w, bool) and w >= 0 for w in weights)
    if not fine or (weights and sum(weights) <= 0):
        raise TrainingError(f"compile: reward_weights must be numbers of 0 or more; got {given!r}.")
    if weights and rewards > 1 and len(weights) != rewards:
        raise TrainingError(f"compile: {rewards} rewards need as many reward_weights; got {len(weights)}.")
    return tuple(float(weight) for weight in weights)
