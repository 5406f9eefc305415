"""Optimizer: proposes candidate values for trainable variables from the trials so far.

A search goes in steps, one for each batch of training samples of each epoch. Step n asks the optimizer for a
candidate; the trainer runs it on the batch, then on validation samples, as long as it keeps up with the best.
Several steps are under way at once. Step n sees the trials up to n - L only, where L is how many steps may be
under way, so it does not matter which call of a model ends first: with a deterministic model, the same seed
gives the same search. For that, an optimizer keeps no memory of its own: it reads `search.trials`, and draws
from `search.random`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Protocol

from kag.data_models.variable import Variable
from kag.module import Module
from kag.training._configured import Configured
from kag.training.records import Candidate, Outcome, Sample, ScoredTrial


class Search(Protocol):
    """What an optimizer sees at one step."""

    program: Module
    """The program, for its description and modules; its variables must not be changed."""
    variables: Mapping[str, Variable]
    """Trainable variables by path: names, descriptions, schemas."""
    step: int
    """Number of this step, from 0 up; the starting values are scored before step 0."""
    epoch: int
    """Epochs finished when this step began, those of earlier fits included."""
    batch: Sequence[Sample]
    """The training samples of this step."""
    samples: Sequence[Sample]
    """All training samples."""
    trials: Sequence[ScoredTrial]
    """What is known: the starting values first (always there), then the trials of steps up to n - L."""
    start: Candidate
    """The values that the program had when the search began."""
    earlier: Sequence[tuple[Candidate, float]]
    """The best candidates of earlier fits of this program, with validation rewards, best first."""
    random: Random
    """The only source of chance; seeded by the fit's seed and the step."""

    @property
    def best(self) -> ScoredTrial:
        """Of `trials`: the one with the highest reward on all validation samples, the earliest of equals."""
        ...

    async def run(self, candidate: Candidate, samples: Sequence[Sample]) -> list[Outcome]:
        """Runs training samples under a candidate, within the shared limit; what was run before is free.

        Raises:
            TrainingError: A value does not fit its variable, or a sample failed and `on_error` is "raise".
        """
        ...

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Enter it around each model call of the optimizer's own: limit, budgets and the phase `optimizer`.

        Do not call `run` within it: it would wait for a slot while it holds one.
        """
        ...

    def fits(self, candidate: Candidate) -> str:
        """Why a candidate cannot be used (a value does not fit its variable's schema); empty if it can."""
        ...


class Optimizer(Configured, ABC):
    """The base of all optimizers: subclasses define `propose`.

    Args:
        name: What logs call it.
    """

    def check(self, program: Module) -> None:
        """Raises a `TrainingError` if it cannot train this program; called when `fit` begins."""

    @abstractmethod
    async def propose(self, search: Search) -> Candidate:
        """The candidate to try at this step; one that was tried before costs only what is new in the batch.

        A proposal of which nothing came (a model's answer that cannot be used) should fall back to something
        useful, such as `search.best.candidate`, rather than fail.
        """
        raise NotImplementedError
