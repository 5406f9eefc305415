"""Makes a fit from what the user gave: data, arguments, and what the program was compiled with."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kag.errors import TrainingError
from kag.training._budget import Budget, Limit
from kag.training._data import samples_of, split
from kag.training._fit import Fit, Schedule, lag_of, random_for
from kag.training._gate import Gate
from kag.training._journal import Journal, seed_of
from kag.training._scorer import OnError, Scorer
from kag.training._search import Ground
from kag.training._state import State, seeds_of
from kag.training.callbacks.base import Callback
from kag.training.compiled import Compiled
from kag.training.records import Sample, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Arguments of a fit; see `Trainer.fit`."""

    batch_size: int
    minibatch_size: int
    epochs: int
    validation_split: float
    shuffle: bool
    max_concurrency: int
    seed: int | None
    on_error: OnError
    limit: Limit
    run_dir: str | os.PathLike[str] | None

    def __post_init__(self) -> None:
        for name in ("batch_size", "minibatch_size", "epochs", "max_concurrency"):
            checked_count(name, getattr(self, name))
        if self.seed is not None and (not isinstance(self.seed, int) or isinstance(self.seed, bool)):
            raise TrainingError(f"seed must be a whole number, or None; got {self.seed!r}.")
        if not isinstance(self.shuffle, bool):
            raise TrainingError(f"shuffle must be True or False; got {self.shuffle!r}.")


@dataclass(frozen=True, slots=True)
class Data:
    """Samples of a fit.

    Args:
        training: To learn from.
        validation: Held out, to choose by; empty if there are none.
    """

    training: Sequence[Sample]
    validation: Sequence[Sample]


def checked_count(name: str, value: Any) -> int:
    """A whole number of at least 1.

    Raises:
        TrainingError: It is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TrainingError(f"{name} must be a whole number of at least 1; got {value!r}.")
    return value


def seed_for(arguments: Arguments) -> int:
    """The seed that is given, else that of the run which is resumed, else a new one."""
    if arguments.seed is not None:
        return arguments.seed
    known = seed_of(arguments.run_dir)
    return secrets.randbelow(2**31) if known is None else known


async def read_data(x: Any, y: Any, validation_data: Any, arguments: Arguments, seed: int) -> Data:
    """The samples, held-out ones in the order in which they are run.

    Raises:
        TrainingError: The data cannot be used.
    """
    samples = await samples_of(x, y)
    if not samples:
        raise TrainingError("There is no sample to train on.")
    order = random_for(seed, "validation")
    if validation_data is None:
        training, held = split(samples, arguments.validation_split, order)
    else:
        training, held = samples, await _validation(validation_data)
    order.shuffle(held)
    return Data(training, held)


def prepare(
    program: Any,
    compiled: Compiled,
    data: Data,
    arguments: Arguments,
    *,
    seed: int,
    callbacks: Sequence[Callback],
) -> Fit:
    """A fit that can be run.

    Raises:
        TrainingError: There is nothing to train, or the run folder holds another fit.
    """
    if compiled.optimizer is None:
        raise TrainingError("fit needs an optimizer; give compile(optimizer=...).")
    if not program.trainable_variables:
        raise TrainingError(f"{program!r} has no trainable variables, so there is nothing to train.")
    compiled.optimizer.check(program)
    schedule = Schedule(data.training, arguments.batch_size, arguments.epochs, arguments.shuffle, seed)
    lag = lag_of(schedule, arguments.max_concurrency, arguments.minibatch_size)
    facts = _facts(program, compiled, schedule, data, f"{lag}, {arguments.minibatch_size}")
    scorer = Scorer(
        program,
        compiled,
        gate=Gate(arguments.max_concurrency),
        budget=Budget(arguments.limit),
        journal=Journal(arguments.run_dir, facts),
        on_error=arguments.on_error,
    )
    ground = _ground(program, compiled.optimizer, data, schedule, scorer, arguments.minibatch_size)
    fit = Fit(ground, compiled, schedule=schedule, lag=lag, callbacks=callbacks)
    fit.params = {
        "epochs": arguments.epochs,
        "steps": schedule.steps,
        "samples": len(data.training),
        "val_samples": len(data.validation),
        "batch_size": arguments.batch_size,
        "seed": seed,
        "metrics": ["reward", *(metric.name for metric in compiled.metrics)],
    }
    return fit


def _ground(
    program: Any, optimizer: Any, data: Data, schedule: Schedule, scorer: Scorer, minibatch: int
) -> Ground:
    start, earlier = scorer.journal.begin(scorer.current(), State.of(program.training).get_json())
    scorer.budget.replay(**scorer.journal.spent)
    drawn = random_for(schedule.seed, "held out").sample(list(data.training), len(data.training))
    return Ground(
        program=program,
        scorer=scorer,
        optimizer=optimizer,
        samples=data.training,
        held_out=data.validation or drawn,
        validates=bool(data.validation),
        minibatch=minibatch,
        start=start,
        seeds=seeds_of(start, scorer.variables),
        state=State.of({"state": earlier}),
    )


async def _validation(given: Any) -> list[Sample]:
    two = isinstance(given, list | tuple) and len(given) == 2
    x, y = given if two else (given, None)
    samples = await samples_of(x, y, "validation_data")
    if not samples:
        raise TrainingError("validation_data has no samples.")
    return samples


def _facts(program: Any, compiled: Compiled, schedule: Schedule, data: Data, steps: str) -> Mapping[str, str]:
    """What a resumed fit must have in common with the one that it goes on with."""
    return {
        "seed": str(schedule.seed),
        "the samples": digest([one.key for one in schedule.samples]),
        "the validation samples": digest([one.key for one in data.validation]),
        "the program's variables": digest(list(program.variable_paths(trainable_only=True))),
        "the language models": digest(_models(program)),
        "the reward": _outline(list(compiled.rewards)),
        "the optimizer": _outline(compiled.optimizer),
        "batch_size, minibatch_size or max_concurrency": f"{schedule.batch_size}, {steps}",
        "shuffle": str(schedule.shuffle),
    }


def _models(program: Any) -> list[str]:
    """Which kinds of modules ask which models."""
    asked = [
        (module, model)
        for _, module in program.walk()
        if (model := getattr(module, "language_model", None)) is not None
    ]
    return [f"{type(one).__name__}: {getattr(model, 'model', type(model).__name__)}" for one, model in asked]


def _outline(thing: Any) -> str:
    """Classes and plain settings of something that was built from arguments."""
    if thing is None or isinstance(thing, str | int | float | Enum):
        return repr(thing)
    if isinstance(thing, Mapping):
        return "{" + ", ".join(f"{key}: {_outline(item)}" for key, item in sorted(thing.items())) + "}"
    if isinstance(thing, list | tuple):
        return "[" + ", ".join(_outline(item) for item in thing) + "]"
    inner = thing.get_config() if hasattr(thing, "get_config") and not isinstance(thing, type) else {}
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return name + _outline({key: item for key, item in inner.items() if item is not thing})
