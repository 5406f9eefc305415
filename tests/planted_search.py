"""Searches for a planted optimum: what tests and the benchmark of optimizers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from planted_model import VOCABULARY, PlantedLanguageModel, items, planted_program, prompt_of

import kag
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate

STATE = "planted/generator/state"


class RandomSearch(Optimizer):
    """Phrases and right answers drawn at random, by one who knows how many to draw: what to beat."""

    def __init__(self, phrases: int = 0, examples: int = 0) -> None:
        super().__init__()
        self.phrases, self.examples = phrases, examples

    async def propose(self, search: Search) -> Candidate:
        fields: dict[str, Any] = {}
        if self.phrases:
            count = search.random.randint(1, self.phrases + 1)
            fields["instructions"] = " ".join(search.random.sample(VOCABULARY, count))
        if self.examples:
            drawn = search.random.sample(list(search.samples), search.random.randint(1, 3))
            fields["examples"] = [{"inputs": s.inputs.data, "outputs": s.target.data} for s in drawn]
        return search.start.with_value(STATE, **fields)


@dataclass(frozen=True)
class Searched:
    """What came of a search.

    Args:
        skill: Of the program in the end.
        best_skill: The highest there is.
        calls: Model calls, the optimizer's own included.
        history: Of the fit.
        program: The program.
    """

    skill: float
    best_skill: float
    calls: int
    history: Any
    program: Any

    @property
    def found(self) -> bool:
        """Whether everything planted is in the prompt."""
        return self.skill > self.best_skill - 1e-9


async def searched(
    seed: int, optimizer: Callable[[Any], Optimizer], calls: int, *, phrases: int = 0, examples: int = 0
) -> Searched:
    """Searches with at most so many calls; 40 training samples of which some are planted, 20 held out.

    Args:
        seed: Of what is planted and of the search.
        optimizer: Makes the optimizer, given the planted model.
        calls: Most calls.
        phrases: Planted phrases, of 30.
        examples: Planted examples, of the training samples.
    """
    gain = 0.9 / (phrases + examples)
    model = PlantedLanguageModel(
        seed, phrases=phrases, examples=examples, phrase_gain=gain, example_gain=gain
    )
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer(model))
    history = await program.fit(
        *items(40),
        epochs=400,
        batch_size=4,
        minibatch_size=4,
        validation_data=items(20, 100),
        seed=seed,
        max_concurrency=4,
        max_calls=calls,
        verbose=0,
        callbacks=[kag.callbacks.EarlyStopping(patience=400, stop_at=1.0)],
    )
    return Searched(model.skill(prompt_of(program)), model.best_skill, model.calls, history, program)
