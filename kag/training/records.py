"""What a search is made of: samples, candidates, outcomes and trials; all are values that nobody changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, final

import orjson

from kag.errors import TrainingError
from kag.schema.values import Json
from kag.training.metrics.base import Run

# What variables remember of a search; the rest of their value is what a search changes.
MEMORY = frozenset(
    (
        "current_predictions",
        "predictions",
        "seed_candidates",
        "candidates",
        "best_candidates",
        "history",
        "nb_visit",
        "cumulative_reward",
    )
)


def dumps(value: Any, *, ordered: bool = False) -> bytes:
    """A JSON value as text; equal values have equal texts.

    Args:
        value: What to write.
        ordered: Keep the order of keys instead: it shows in prompts, so what is read again must have it.
    """
    try:
        return orjson.dumps(value, option=None if ordered else orjson.OPT_SORT_KEYS)
    except TypeError:  # integers over 64 bits, halves of surrogate pairs
        return json.dumps(value, sort_keys=not ordered).encode()


def digest(value: Any) -> str:
    """A short name of a JSON value; equal values have equal ones."""
    return hashlib.blake2b(dumps(value), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One sample of the user's data.

    Args:
        index: Its place in the user's data.
        inputs: What the program is given, as JSON data models in the structure that it takes.
        target: The right answer, likewise; None if there is none.
        key: Name of its content.
    """

    index: int
    inputs: Any
    target: Any
    key: str


@dataclass(frozen=True)
class Demonstration:
    """What one module did in one run: material for examples.

    Args:
        path: Path of the variable whose value took part, such as `program/generator/state`.
        inputs: What the module was given.
        outputs: What it answered.
    """

    path: str
    inputs: Json
    outputs: Json

    @cached_property
    def key(self) -> str:
        """Name of its content, whatever variable it is of."""
        return digest({"inputs": self.inputs, "outputs": self.outputs})

    @cached_property
    def inputs_key(self) -> str:
        """Name of what the module was given."""
        return digest(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a sample under a candidate.

    Args:
        sample: The sample.
        outputs: The program's answer, in its structure; None without one.
        run: Reward, time, calls, cost.
        feedback: Why the reward is what it is, in words; empty if the reward says nothing.
        error: What failed, empty if nothing did.
        demonstrations: What the program's modules did, in the order in which they ended. A variable whose
            branch was not taken has none here: the sample says nothing about it.
    """

    sample: Sample
    outputs: Any
    run: Run
    feedback: str = ""
    error: str = ""
    demonstrations: tuple[Demonstration, ...] = ()

    @property
    def reward(self) -> float:
        """The reward, 0 to 1."""
        return self.run.reward

    def touches(self, path: str) -> bool:
        """Whether the variable of this path took part; so, whether the reward may be credited to it."""
        return any(one.path == path for one in self.demonstrations)


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample, or a proposal, that failed.

    Args:
        sample: Its place in the user's data; None if it was the optimizer that could not propose.
        error: What failed, in words.
        candidate: Key of the values that it was run with.
    """

    sample: int | None
    error: str
    candidate: str


@final
class Candidate:
    """Values of all trainable variables; a copy, which changes nothing until it is installed.

    Args:
        values: Variable path to value, without the fields in which variables remember a search.
        parents: Keys of the candidates that it was made from.
        origin: How it was made, in a word or two, such as `start`, `mutation`.
    """

    def __init__(
        self, values: Mapping[str, Mapping[str, Any]], parents: tuple[str, ...] = (), origin: str = ""
    ) -> None:
        plain = {
            path: {name: item for name, item in values[path].items() if name not in MEMORY} for path in values
        }
        self.values: Mapping[str, Json] = MappingProxyType(plain)
        self.parents = parents
        self.origin = origin

    @cached_property
    def key(self) -> str:
        """Name of its content, examples included: equal candidates have equal ones."""
        return digest(dict(self.values))

    def with_value(self, path: str, *, origin: str = "", **fields: Any) -> Candidate:
        """A child in which some fields of one variable differ.

        Args:
            path: Path of the variable.
            origin: How it was made.
            **fields: New values of fields, such as `examples=[...]` or `instructions="..."`.

        Raises:
            TrainingError: There is no such variable.
        """
        if path not in self.values:
            raise TrainingError(f"No trainable variable {path!r}; there are: {', '.join(self.values)}.")
        changed = {**self.values, path: {**self.values[path], **fields}}
        return Candidate(changed, parents=(self.key,), origin=origin)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Candidate) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"<Candidate {self.key[:8]} {self.origin or 'of unknown origin'}>"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ScoredTrial:
    """A candidate, and how it did.

    Args:
        number: Its place in the order of trials; the starting values are first.
        candidate: The values that were tried.
        outcomes: Of a batch of training samples.
        validation: Of validation samples: all, or the first ones if it fell behind on those.
        val_reward: Mean reward of all validation samples; None if not all were run.
    """

    number: int
    candidate: Candidate
    outcomes: tuple[Outcome, ...]
    validation: tuple[Outcome, ...] = ()
    val_reward: float | None = None

    @property
    def reward(self) -> float:
        """Mean reward of the training samples; 0 without any."""
        return mean_reward(self.outcomes)

    @property
    def score(self) -> float:
        """The best estimate of how good the candidate is: mean over validation so far, else of training."""
        return mean_reward(self.validation) if self.validation else self.reward

    def reward_of(self, path: str) -> float | None:
        """Mean reward of the samples in which a variable took part; None if there is none.

        Samples that took another branch do not count, so variables of branches are judged by their own.
        """
        touched = [one for one in (*self.outcomes, *self.validation) if one.touches(path)]
        return mean_reward(touched) if touched else None


def mean_reward(outcomes: tuple[Outcome, ...] | list[Outcome]) -> float:
    """Mean reward; 0 without outcomes."""
    return sum(one.reward for one in outcomes) / len(outcomes) if outcomes else 0.0
