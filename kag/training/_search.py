"""One step of a search: what the optimizer sees, and how its proposal is scored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import sqrt
from random import Random
from typing import Any

from kag.data_models.variable import Variable
from kag.errors import KagError, TrainingError
from kag.language_models.usage import Usage, metered, phase
from kag.module import Module
from kag.training._scorer import Scorer, spending, told, unfit
from kag.training._state import State
from kag.training.optimizers.base import Optimizer
from kag.training.records import Candidate, Failure, Outcome, Sample, ScoredTrial, mean_reward

_ALIKE = 16
"""Samples on which a candidate does exactly as the best does before it is taken for no better."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all steps of a fit share.

    Args:
        program: The program in training.
        scorer: Runs samples.
        optimizer: Proposes.
        samples: Training samples.
        held_out: Samples to choose the best by, in the order in which they are run.
        validates: Whether these are other samples than those of training.
        minibatch: So many of them are run first.
        start: The values that the program had.
        seeds: Further values to start from.
        state: What earlier fits left.
    """

    program: Any
    scorer: Scorer
    optimizer: Optimizer
    samples: Sequence[Sample]
    held_out: Sequence[Sample]
    validates: bool
    minibatch: int
    start: Candidate
    seeds: Sequence[Candidate]
    state: State


class Step:
    """A step: the `Search` that its optimizer sees.

    Args:
        ground: What all steps share.
        step: Its number, from 0 up.
        epoch: Epochs finished, those of earlier fits included.
        batch: Its training samples.
        trials: What may be known.
        random: Its source of chance.
    """

    def __init__(
        self,
        ground: Ground,
        step: int,
        *,
        epoch: int,
        batch: Sequence[Sample],
        trials: Sequence[ScoredTrial],
        random: Random,
    ) -> None:
        self._ground = ground
        self.program: Module = ground.program
        self.variables: Mapping[str, Variable] = ground.scorer.variables
        self.step = step
        self.epoch = epoch
        self.batch = batch
        self.samples = ground.samples
        self.trials = trials
        self.start = ground.start
        self.earlier: Sequence[tuple[Candidate, float]] = ground.state.candidates
        self.random = random
        self._meter = Usage()

    @property
    def best(self) -> ScoredTrial:
        """Of the trials, the one with the highest validation reward; the earliest of equals."""
        return best_of(self.trials)

    async def run(self, candidate: Candidate, samples: Sequence[Sample]) -> list[Outcome]:
        """See `Search`."""
        wrong = self.fits(candidate)
        if wrong:
            raise TrainingError(f"{self._ground.optimizer!r} wants to run values that do not fit: {wrong}.")
        return await self._ground.scorer.run(candidate, samples, training=True, step=self.step)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """See `Search`."""
        scorer = self._ground.scorer
        async with scorer.gate.slot(self.step), scorer.budget.spending():
            with phase("optimizer"), metered(self._meter):
                yield

    def fits(self, candidate: Candidate) -> str:
        """See `Search`."""
        return unfit(self._ground.scorer.variables, candidate)

    async def trial(self, number: int) -> ScoredTrial:
        """Proposes and scores.

        Args:
            number: The trial's place in the order of trials.
        """
        return await score(self._ground, number, await self._candidate(), self.batch, self)

    async def _candidate(self) -> Candidate:
        if self.step < len(self._ground.seeds):
            return self._ground.seeds[self.step]
        scorer = self._ground.scorer
        known = scorer.journal.proposal(self.step)
        if known is not None:
            return known
        candidate = await self._proposed()
        if not isinstance(candidate, Candidate):
            raise TrainingError(
                f"{self._ground.optimizer!r} proposed a {type(candidate).__name__}; expected a Candidate."
            )
        wrong = self.fits(candidate)
        if wrong:
            raise TrainingError(f"{self._ground.optimizer!r} proposed values that do not fit: {wrong}.")
        scorer.journal.keep_proposal(self.step, candidate, spending(self._meter, scorer.budget.seconds))
        return candidate

    async def _proposed(self) -> Candidate:
        scorer = self._ground.scorer
        try:
            return await self._ground.optimizer.propose(self)
        except KagError as error:
            scorer.refuse(error, f"the proposal of {self._ground.optimizer!r} at step {self.step}")
            scorer.failures.append(Failure(None, told(error), self.best.candidate.key))
            return self.best.candidate


async def score(
    ground: Ground, number: int, candidate: Candidate, batch: Sequence[Sample], step: Step | None = None
) -> ScoredTrial:
    """Runs a candidate on a batch, and at the same time on samples held out.

    Args:
        ground: What all steps share.
        number: The trial's place in the order of trials.
        candidate: The values to try.
        batch: Training samples.
        step: Where they were proposed; None for those that the fit begins with, which are run on all.
    """
    incumbent = None if step is None else step.best
    turn = 0 if step is None else step.step
    async with asyncio.TaskGroup() as group:
        trained = group.create_task(ground.scorer.run(candidate, batch, training=True, step=turn))
        validated = group.create_task(_race(ground, candidate, incumbent, turn))
    validation = validated.result()
    complete = len(validation) == len(ground.held_out)
    val_reward = mean_reward(validation) if complete else None
    trial = ScoredTrial(number, candidate, tuple(trained.result()), tuple(validation), val_reward)
    ground.scorer.journal.keep_trial(trial)
    return trial


def best_of(trials: Sequence[ScoredTrial]) -> ScoredTrial:
    """The trial with the highest reward on all samples held out; the earliest of equals."""
    best = trials[0]
    for trial in trials:
        if trial.val_reward is not None and trial.val_reward > (best.val_reward or 0.0):
            best = trial
    return best


async def _race(
    ground: Ground, candidate: Candidate, incumbent: ScoredTrial | None, turn: int
) -> list[Outcome]:
    """Outcomes of held-out samples, four times as many each time, until the candidate falls behind."""
    done: list[Outcome] = []
    size = ground.minibatch if incumbent is not None else len(ground.held_out)
    while len(done) < len(ground.held_out) and not (incumbent and _behind(done, incumbent.validation)):
        chunk = ground.held_out[len(done) : len(done) + size]
        done += await ground.scorer.run(candidate, chunk, training=not ground.validates, step=turn)
        size = 3 * len(done)
    return done


def _behind(done: Sequence[Outcome], best: Sequence[Outcome]) -> bool:
    """Whether rewards are lower than the best's on the same samples by more than chance explains.

    A candidate that differs in nothing on so many samples is given up as well.
    """
    if not done:
        return False
    gaps = [one.reward - other.reward for one, other in zip(done, best, strict=False)]
    mean = sum(gaps) / len(gaps)
    spread = sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    if mean == spread == 0:
        return len(gaps) >= _ALIKE
    return mean < 0 and -mean >= spread / sqrt(len(gaps))
