"""Trainer: compile, fit, evaluate and predict, which every program has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kag.errors import TrainingError
from kag.graph.window import sliding
from kag.module import Module
from kag.training._budget import Budget, Limit
from kag.training._data import samples_of
from kag.training._gate import Gate
from kag.training._journal import Journal
from kag.training._prepare import Arguments, checked_count, prepare, read_data, seed_for
from kag.training._scorer import OnError, Scorer, checked_outputs
from kag.training._watching import Verbose, checked_callbacks, progress_bar, run_folder
from kag.training.callbacks.base import Callback
from kag.training.callbacks.history import History
from kag.training.compiled import Compiled
from kag.training.records import Sample, mean_reward

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Trainer(Module):
    """A module that can be trained on samples, by a reward.

    Args:
        name: Unique within a program; made from the class name by default.
        description: What it is for, in words; optimizers show it to their model.
        trainable: False freezes the variables of this module and of those inside.
    """

    training: Mapping[str, Any] | None = None
    """Compile settings and optimizer state; saved and loaded with the program."""

    def compile(
        self, reward: Any = None, optimizer: Any = None, metrics: Any = None, reward_weights: Any = None
    ) -> None:
        """Says how the program is judged and trained; what earlier fits learned is kept.

        Args:
            reward: A reward, or one for each output (in their order).
            optimizer: What proposes new values; not needed to evaluate.
            metrics: A list of metrics, measured beside the reward.
            reward_weights: Weights of the outputs in the reward; equal by default.

        Raises:
            TrainingError: Something is of a wrong kind.

        Example:
            >>> program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
        """
        settings = {
            "reward": reward,
            "optimizer": optimizer,
            "metrics": metrics,
            "reward_weights": reward_weights,
        }
        Compiled.of(settings)
        self.training = {**settings, "state": (self.training or {}).get("state")}

    async def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 8,
        minibatch_size: int = 4,
        epochs: int = 1,
        validation_split: float = 0.1,
        validation_data: Any = None,
        shuffle: bool = True,
        callbacks: Sequence[Callback] | None = None,
        verbose: Verbose = "auto",
        max_concurrency: int = 32,
        seed: int | None = None,
        on_error: OnError = "raise",
        max_cost: float | None = None,
        max_calls: int | None = None,
        max_time: float | None = None,
        run_dir: str | os.PathLike[str] | None = None,
    ) -> History:
        """Searches for better values of the trainable variables, and gives the program the best.

        Each batch is a step: the optimizer proposes values, the program runs the batch with them, and the
        validation samples as long as the values keep up with the best so far. Whatever has the highest reward
        on all validation samples is the best. Several steps are under way at once, within one limit.

        Args:
            x: Inputs: a list, numpy object array, iterable or async iterable of data models (or tuples, dicts
                of them, for several inputs). An iterable may give pairs `(inputs, target)` instead of `y`.
            y: The right answers, likewise; None if the reward needs none.
            batch_size: Training samples of a step.
            minibatch_size: Validation samples that every candidate is run on; those that keep up with the
                best on them are run on four times as many, and so on.
            epochs: Passes over the training samples.
            validation_split: Share of the samples to hold out, drawn by the seed; 0 chooses the best by the
                training samples themselves.
            validation_data: `(x, y)` to use in place of a share.
            shuffle: Draw a new order of the training samples in each epoch.
            callbacks: Callbacks.
            verbose: 1 or `auto` shows a progress bar where standard error is a terminal, and a line an epoch
                elsewhere; 2 always a line an epoch; 0 nothing.
            max_concurrency: Samples (and model calls of the optimizer) under way at a time.
            seed: Of all chance: with a deterministic model, the same seed gives the same search. None draws
                one; `history.params["seed"]` tells it.
            on_error: `raise` the failure of a sample, or give it a reward of `zero` and count it.
            max_cost: USD to spend at most, where prices of models are known.
            max_calls: Model calls at most.
            max_time: Seconds at most.
            run_dir: Folder of a journal; a fit that was killed goes on from it when it is called again with
                the same arguments.

        Returns:
            Rewards and metrics of each epoch, and what it took.

        Raises:
            TrainingError: Data or arguments cannot be used, or there is nothing to train.
        """
        compiled = Compiled.of(self.training)
        watching = checked_callbacks(callbacks)
        arguments = Arguments(
            batch_size=batch_size,
            minibatch_size=minibatch_size,
            epochs=epochs,
            validation_split=validation_split,
            shuffle=shuffle,
            max_concurrency=max_concurrency,
            seed=seed,
            on_error=on_error,
            limit=Limit(max_cost, max_calls, max_time),
            run_dir=run_folder(run_dir, watching),
        )
        drawn = seed_for(arguments)
        data = await read_data(x, y, validation_data, arguments, drawn)
        await self._built_for(data.training[0])
        history = History()
        told = [history, *progress_bar(verbose), *watching]
        fit = prepare(self, compiled, data, arguments, seed=drawn, callbacks=told)
        await fit.run()
        return history

    async def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 32,
        max_concurrency: int | None = None,
        on_error: OnError = "raise",
    ) -> dict[str, float]:
        """The mean reward and the metrics on samples.

        Args:
            x: Inputs, as for `fit`.
            y: The right answers.
            batch_size: So many samples at a time, if `max_concurrency` does not say another number.
            max_concurrency: Samples under way at a time.
            on_error: `raise` the failure of a sample, or give it a reward of `zero` and count it under
                `failures`.

        Raises:
            TrainingError: Data or arguments cannot be used.
        """
        compiled = Compiled.of(self.training)
        samples = await samples_of(x, y)
        if not samples:
            raise TrainingError("There is no sample to evaluate on.")
        await self._built_for(samples[0])
        limit = checked_count("batch_size", batch_size) if max_concurrency is None else max_concurrency
        scorer = Scorer(
            self,
            compiled,
            gate=Gate(limit),
            budget=Budget(Limit()),
            journal=Journal(None, {}),
            on_error=on_error,
        )
        outcomes = await scorer.run(scorer.current(), samples, training=False)
        logs = {"reward": mean_reward(outcomes), **await compiled.measured(outcomes)}
        return logs | ({"failures": float(len(scorer.failures))} if on_error == "zero" else {})

    async def predict(
        self, x: Any, *, batch_size: int = 32, max_concurrency: int | None = None
    ) -> npt.NDArray[np.object_]:
        """The program's answers, in the order of the inputs.

        Args:
            x: Inputs, as for `fit`.
            batch_size: So many at a time, if `max_concurrency` does not say another number.
            max_concurrency: Runs under way at a time.

        Returns:
            Array `(samples,)` of JSON data models (or structures of them; None where no branch was taken).
        """
        import numpy as np

        samples = await samples_of(x)
        limit = checked_count("batch_size", batch_size) if max_concurrency is None else max_concurrency
        checked_count("max_concurrency", limit)
        answers = np.empty(len(samples), dtype=object)
        for place, answer in enumerate(await sliding(self._answer, samples, limit)):
            answers[place] = answer
        return answers

    async def train_on_batch(
        self, x: Any, y: Any = None, *, seed: int | None = None, max_concurrency: int = 32
    ) -> dict[str, float]:
        """One step on one batch: proposes values, and keeps them if they do better than the present ones.

        Args:
            x: Inputs of the batch.
            y: The right answers.
            seed: Of all chance; None draws one.
            max_concurrency: Samples under way at a time.

        Returns:
            Reward and metrics of the values that were tried.
        """
        samples = await samples_of(x, y)
        history = await self.fit(
            [one.inputs for one in samples],
            None if y is None else [one.target for one in samples],
            batch_size=max(1, len(samples)),
            minibatch_size=max(1, len(samples)),
            validation_split=0,
            shuffle=False,
            verbose=0,
            seed=seed,
            max_concurrency=max_concurrency,
        )
        return {name: float(values[-1] or 0.0) for name, values in history.history.items()}

    async def test_on_batch(self, x: Any, y: Any = None, *, max_concurrency: int = 32) -> dict[str, float]:
        """Reward and metrics on one batch; see `evaluate`."""
        return await self.evaluate(x, y, max_concurrency=max_concurrency)

    async def predict_on_batch(self, x: Any, *, max_concurrency: int = 32) -> npt.NDArray[np.object_]:
        """Answers to one batch; see `predict`."""
        return await self.predict(x, max_concurrency=max_concurrency)

    async def _answer(self, sample: Sample) -> Any:
        return checked_outputs(await self(sample.inputs))

    async def _built_for(self, sample: Sample) -> None:
        """Builds a program whose structure waits for its first inputs."""
        if not self.built:
            await self._build((sample.inputs,), {})
