"""The course of a fit: steps under way at once, told in their order, epoch by epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from random import Random
from typing import Any, TypeVar

from kag.training._budget import BudgetSpent
from kag.training._search import Ground, Step, best_of, score
from kag.training.callbacks.base import Callback
from kag.training.compiled import Compiled
from kag.training.records import Failure, Outcome, Sample, ScoredTrial, mean_reward

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which samples are run at which step.

    Args:
        samples: Training samples.
        batch_size: Of them, in a step.
        epochs: Passes over them.
        shuffle: Draw a new order in each epoch.
        seed: Of all chance.
    """

    samples: Sequence[Sample]
    batch_size: int
    epochs: int
    shuffle: bool
    seed: int
    _orders: dict[int, list[Sample]] = field(default_factory=dict, init=False, repr=False)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return ceil(len(self.samples) / self.batch_size)

    def batch(self, step: int) -> list[Sample]:
        """The samples of a step."""
        epoch, place = divmod(step, self.steps)
        order = self._orders.get(epoch)
        if order is None:
            order = self._orders[epoch] = list(self.samples)
            if self.shuffle:
                random_for(self.seed, f"epoch {epoch}").shuffle(order)
        return order[place * self.batch_size : (place + 1) * self.batch_size]


def random_for(seed: int, use: str) -> Random:
    """The source of chance for one use; other uses do not change what it gives."""
    return Random(f"{seed}/{use}")  # noqa: S311  no secret


def lag_of(schedule: Schedule, concurrency: int, minibatch_size: int) -> int:
    """How many steps are under way at once.

    Enough to fill the shared limit although steps have slow ends; but no more than those of an epoch and a
    half, since a proposal knows nothing of the steps that are under way.
    """
    of_step = min(schedule.batch_size, len(schedule.samples)) + minibatch_size
    filling = 1 + ceil(6 * concurrency / of_step)
    return min(filling, max(2, 3 * schedule.steps // 2))


class Fit:
    """A fit under way; callbacks see it as `Progress`.

    Args:
        ground: What all steps share.
        compiled: Rewards and metrics.
        schedule: Which samples are run when.
        lag: How many steps are under way at once.
        callbacks: Who is told.
    """

    def __init__(
        self,
        ground: Ground,
        compiled: Compiled,
        *,
        schedule: Schedule,
        lag: int,
        callbacks: Sequence[Callback],
    ) -> None:
        self.stop_reason = ""
        self.failed = True
        self._trials: list[ScoredTrial] = []
        self.epochs_done = 0
        self.params: Mapping[str, Any] = {}
        self._ground = ground
        self._compiled = compiled
        self._schedule = schedule
        self._lag = lag
        self._callbacks = callbacks
        self._so_far: list[float] = []
        self._tasks: dict[int, asyncio.Task[ScoredTrial]] = {}
        self._measured: tuple[ScoredTrial, dict[str, float]] | None = None

    @property
    def trials(self) -> Sequence[ScoredTrial]:
        """What was tried so far, the starting values first."""
        return self._trials

    @property
    def failures(self) -> Sequence[Failure]:
        """Samples that failed so far."""
        return self._ground.scorer.failures

    @property
    def calls(self) -> int:
        """Model calls so far."""
        return self._ground.scorer.budget.usage.calls

    @property
    def cost(self) -> float:
        """USD so far."""
        return self._ground.scorer.budget.usage.cost

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return self._ground.scorer.budget.usage.total_tokens

    @property
    def seconds(self) -> float:
        """Time so far."""
        return self._ground.scorer.budget.seconds

    @property
    def best(self) -> ScoredTrial:
        """The best trial so far."""
        return best_of(self._trials)

    def better(self, monitor: str) -> str:
        """Which values of a log are better: `max`, `min`, or empty if that is not known."""
        name = monitor.removeprefix("val_")
        if name == "reward":
            return "max"
        return next((metric.mode for metric in self._compiled.metrics if metric.name == name), "")

    async def run(self) -> None:
        """Runs all steps, or until the budget is spent or a callback ends it."""
        with ExitStack() as ends:
            for callback in reversed(self._callbacks):
                ends.callback(callback.on_train_end, {})
                callback.begin(self._ground.program, self)
            try:
                await self._run_or_stop()
                self.failed = False
            finally:
                await self._cancel()
                if self._trials:
                    self._install(self.epochs_done)
                await self._ground.scorer.journal.finish()

    async def _run_or_stop(self) -> None:
        try:
            self._tell(lambda one: one.on_train_begin({}))
            await self._within_time(self._run())
        except BudgetSpent as spent:
            self.stop_reason = str(spent)
            await self._take_finished()

    async def _run(self) -> None:
        ground, schedule = self._ground, self._schedule
        first = schedule.batch(0)
        self._trials.append(await _unpacked(score(ground, 0, ground.start, first)))
        for epoch in range(schedule.epochs):
            self._tell(partial(_begin_epoch, epoch))
            for place in range(schedule.steps):
                await self._step(epoch, place)
                if self.stop_reason:
                    break
            await self._end_epoch(epoch)
            self.epochs_done = epoch + 1
            if self.stop_reason:
                return

    async def _step(self, epoch: int, place: int) -> None:
        step = epoch * self._schedule.steps + place
        self._tell(lambda one: one.on_train_batch_begin(place, {}))
        self._so_far = [] if place == 0 else self._so_far
        for ahead in range(step, min(step + self._lag, self._schedule.steps * self._schedule.epochs)):
            if ahead not in self._tasks:
                self._tasks[ahead] = asyncio.create_task(self._begun(ahead))
        trial = await _unpacked(self._tasks[step])
        del self._tasks[step]
        self._trials.append(trial)
        self._so_far.append(trial.reward)
        logs = {"reward": sum(self._so_far) / len(self._so_far)}
        self._tell(lambda one: one.on_train_batch_end(place, logs))

    async def _begun(self, step: int) -> ScoredTrial:
        """A step, which sees the starting values and the trials of steps up to `step - lag`."""
        schedule = self._schedule
        known = self._trials[: 1 + max(0, step - self._lag + 1)]
        search = Step(
            self._ground,
            step,
            epoch=self._ground.state.epochs + step // schedule.steps,
            batch=schedule.batch(step),
            trials=known,
            random=random_for(schedule.seed, f"step {step}"),
        )
        return await search.trial(step + 1)

    def _outcomes(self, epoch: int) -> list[Outcome]:
        """Of the training samples of an epoch, as far as it is told."""
        numbers = range(1 + epoch * self._schedule.steps, 1 + (epoch + 1) * self._schedule.steps)
        return [one for trial in self._trials if trial.number in numbers for one in trial.outcomes]

    async def _end_epoch(self, epoch: int) -> None:
        logs = await self._logs(epoch)
        self._install(epoch + 1)
        self._tell(lambda one: one.on_epoch_end(epoch, logs))

    async def _logs(self, epoch: int) -> dict[str, float]:
        outcomes = self._outcomes(epoch)
        logs = {"reward": mean_reward(outcomes), **await self._compiled.measured(outcomes)}
        if self._ground.validates:
            logs |= await self._val_logs()
        return logs

    async def _val_logs(self) -> dict[str, float]:
        """Of the best values so far; measured again only when these change."""
        best = self.best
        if self._measured is None or self._measured[0] is not best:
            measured = await self._compiled.measured(best.validation)
            logs = {f"val_{name}": value for name, value in measured.items()}
            self._measured = best, {"val_reward": mean_reward(best.validation), **logs}
        return self._measured[1]

    def _install(self, epochs: int) -> None:
        """Gives the program the best values so far, and the optimizer state after so many epochs."""
        program, state = self._ground.program, self._ground.state.after(epochs, self._trials)
        self._ground.scorer.install(self.best.candidate)
        program.training = {**program.training, "state": state.get_json()}

    async def _take_finished(self) -> None:
        """After a stop: what has ended meanwhile may hold the best; the epoch is told as far as it went."""
        for task in list(self._tasks.values()):
            if task.done() and not task.cancelled() and task.exception() is None:
                self._trials.append(task.result())
        epoch = self.epochs_done
        if epoch < self._schedule.epochs and len(self._trials) > 1 + epoch * self._schedule.steps:
            await self._end_epoch(epoch)

    async def _within_time(self, work: Awaitable[None]) -> None:
        left = self._ground.scorer.budget.seconds_left
        try:
            async with asyncio.timeout(left) as limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise BudgetSpent(
                f"max_time={self._ground.scorer.budget.limit.seconds:g} seconds are over"
            ) from None

    async def _cancel(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def _tell(self, tell: Callable[[Callback], None]) -> None:
        for callback in self._callbacks:
            tell(callback)


def _begin_epoch(epoch: int, callback: Callback) -> None:
    callback.on_epoch_begin(epoch, {})


async def _unpacked(work: Awaitable[T]) -> T:
    """The result; of a group of failures, the first as it is."""
    try:
        return await work
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = next((e for e in first.exceptions if isinstance(e, BudgetSpent)), first.exceptions[0])
    raise first
