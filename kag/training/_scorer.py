"""Runs samples under candidates: within the shared limit and the budget, each but once, failures noted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.variable import Trial, Variable
from kag.errors import BudgetExceeded, KagError, TrainingError
from kag.graph.structure import leaves
from kag.graph.window import sliding
from kag.language_models.usage import Usage, metered
from kag.module import Module
from kag.schema.values import Json
from kag.training._budget import Budget, BudgetSpent
from kag.training._gate import Gate
from kag.training._journal import Journal, OutcomeKey
from kag.training.compiled import Compiled
from kag.training.metrics.base import Run
from kag.training.records import MEMORY, Candidate, Demonstration, Failure, Outcome, Sample

OnError = Literal["raise", "zero"]


class Scorer:
    """What all steps of a fit score with.

    Args:
        program: What is run.
        compiled: Rewards and metrics.
        gate: The shared limit.
        budget: What may be taken.
        journal: What is known from an earlier process.
        on_error: `raise` a sample's failure, or count it as `zero`.
    """

    def __init__(
        self,
        program: Module,
        compiled: Compiled,
        *,
        gate: Gate,
        budget: Budget,
        journal: Journal,
        on_error: OnError = "raise",
    ) -> None:
        if on_error not in ("raise", "zero"):
            raise TrainingError(f"on_error must be 'raise' or 'zero'; got {on_error!r}.")
        self.variables = program.variable_paths(trainable_only=True)
        self.gate = gate
        self.budget = budget
        self.journal = journal
        self.failures: list[Failure] = []
        self._program = program
        self._compiled = compiled
        self._on_error = on_error
        self._paths = {id(variable): path for path, variable in self.variables.items()}
        self._trials: dict[str, Trial] = {}
        self._known: dict[OutcomeKey, Outcome | asyncio.Future[Outcome]] = {}

    def current(self) -> Candidate:
        """The values that the program has now."""
        return Candidate({path: variable.data for path, variable in self.variables.items()}, origin="start")

    async def run(
        self, candidate: Candidate, samples: Sequence[Sample], *, training: bool, step: int = 0
    ) -> list[Outcome]:
        """Outcomes of samples, in their order; what is known costs nothing.

        Args:
            candidate: The values to run them with.
            samples: The samples.
            training: Whether modules are told that this is training.
            step: What waits for them; earlier steps go first.

        Raises:
            BudgetSpent: The budget does not allow it.
            KagError: A sample failed, and failures are to be raised.
        """
        one = partial(self._one, candidate, training=training, step=step)
        return await sliding(one, samples, self.gate.slots)

    async def _one(self, candidate: Candidate, sample: Sample, *, training: bool, step: int) -> Outcome:
        key = (candidate.key, sample.key, training)
        known = self._known.get(key) or self._replayed(candidate, sample, training=training)
        while isinstance(known, asyncio.Future):  # somebody else runs it; he may be cancelled, we are not
            await asyncio.wait([known])
            known = self._known.get(key) if known.cancelled() else known.result()
        if known is None:
            known = await self._first(key, candidate, sample, step=step)
        return known if known.sample is sample else replace(known, sample=sample)

    def _replayed(self, candidate: Candidate, sample: Sample, *, training: bool) -> Outcome | None:
        outcome = self.journal.outcome(candidate, sample, training=training)
        if outcome is not None:
            self._known[candidate.key, sample.key, training] = outcome
            self._note(candidate, outcome)
        return outcome

    async def _first(self, key: OutcomeKey, candidate: Candidate, sample: Sample, *, step: int) -> Outcome:
        """Runs a sample while others that want the same wait for it."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._known[key] = future
        try:
            async with self.gate.slot(step), self.budget.spending() as meter:
                outcome = await self._attempt(candidate, sample, training=key[2])
                spent = spending(meter, self.budget.seconds)
        except BaseException as error:
            del self._known[key]
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # whoever waits for it is told; nobody has to
            raise
        self._known[key] = outcome
        future.set_result(outcome)
        self._note(candidate, outcome)
        self.journal.keep_outcome(candidate, outcome, spent, training=key[2])
        return outcome

    async def _attempt(self, candidate: Candidate, sample: Sample, *, training: bool) -> Outcome:
        with metered(Usage()) as meter, self._trial(candidate), Trial() as recorder:
            begun = time.perf_counter()
            try:
                outputs = checked_outputs(await self._program(sample.inputs, training=training))
                took = _run(meter, time.perf_counter() - begun)
                judged = await self._compiled.judge(sample, outputs)
            except KagError as error:
                self.refuse(error, f"sample {sample.index}")
                run = _run(meter, time.perf_counter() - begun, failed=True)
                return Outcome(sample, None, run, feedback=f"It failed: {error}", error=told(error))
        made = [
            Demonstration(self._paths[id(one.variable)], one.inputs, one.outputs)
            for one in recorder.predictions
            if id(one.variable) in self._paths
        ]
        run = replace(took, reward=judged.reward)
        return Outcome(sample, outputs, run, feedback=judged.feedback, demonstrations=tuple(made))

    def refuse(self, error: KagError, what: str) -> None:
        """Raises what failed, unless failures are to be counted.

        Raises:
            BudgetSpent: A model's own budget is used up.
        """
        if isinstance(error, BudgetExceeded):
            raise BudgetSpent(f"a model's own budget is used up: {error}") from error
        if self._on_error == "raise":
            error.add_note(f"In training: {what}")
            raise error

    def _trial(self, candidate: Candidate) -> Trial:
        """A candidate's values, checked once."""
        trial = self._trials.get(candidate.key)
        if trial is None:
            values = {self.variables[path]: self._value(path, candidate) for path in candidate.values}
            trial = self._trials[candidate.key] = Trial(values)
        return trial

    def _value(self, path: str, candidate: Candidate) -> Json:
        """A variable's whole value under a candidate."""
        data = self.variables[path].data
        return {name: data[name] for name in data if name in MEMORY} | dict(candidate.values[path])

    def install(self, candidate: Candidate) -> None:
        """Gives the program a candidate's values."""
        for path in candidate.values:
            self.variables[path].assign(self._value(path, candidate))

    def _note(self, candidate: Candidate, outcome: Outcome) -> None:
        if outcome.error:
            self.failures.append(Failure(outcome.sample.index, outcome.error, candidate.key))


def checked_outputs(outputs: Any) -> Any:
    """What a program gave, if it is made of values.

    Raises:
        TrainingError: It is a stream.
    """
    for leaf in leaves(outputs):
        if leaf is not None and not isinstance(leaf, JsonDataModel):
            raise TrainingError(
                f"The program gave a {type(leaf).__name__}, which cannot be judged; programs that stream are "
                "trained with streaming=False."
            )
    return outputs


def spending(meter: Usage, seconds: float) -> Json:
    """What was taken, for the journal."""
    return {**_tally(meter), "seconds": seconds}


def unfit(variables: dict[str, Variable], candidate: Candidate) -> str:
    """Why a candidate cannot be used; empty if it can."""
    missing = [path for path in variables if path not in candidate.values]
    unknown = [path for path in candidate.values if path not in variables]
    if missing or unknown:
        return f"it has values for {list(candidate.values)}; the trainable variables are {list(variables)}"
    for path, variable in variables.items():
        try:
            variable.checked({**variable.data, **candidate.values[path]})
        except KagError as error:
            return str(error)
    return ""


def _tally(meter: Usage) -> Json:
    return {"calls": meter.calls, "cost": meter.cost, "tokens": meter.total_tokens}


def _run(meter: Usage, seconds: float, *, failed: bool = False) -> Run:
    calls, tokens = meter.calls, meter.total_tokens
    return Run(seconds=seconds, calls=calls, tokens=tokens, cost=meter.cost, failed=failed)


def told(error: KagError) -> str:
    """What failed, with its notes on where."""
    notes = getattr(error, "__notes__", [])
    return " ".join([f"{type(error).__name__}: {error}", *(f"({note})" for note in notes)])
