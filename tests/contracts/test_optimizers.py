"""What every optimizer keeps to; the files in kag/training/optimizers are found by themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from planted_model import PlantedLanguageModel, items, planted_program, prompt_of

import kag
from kag.discover import load, names
from kag.errors import TrainingError
from kag.testing import FakeEmbeddingModel
from kag.training.optimizers.base import Optimizer

PACKAGE = "kag.training.optimizers"


def classes() -> list[type[Optimizer]]:
    found = []
    for file in names(PACKAGE):
        module = load(PACKAGE, file)
        found += [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, Optimizer)
            and thing.__module__ == module.__name__
        ]
    return [cls for cls in found if not inspect.isabstract(cls) and not cls.__name__.startswith("_")]


pytestmark = pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)


def made(cls: type[Optimizer], model: Any) -> Optimizer:
    """An optimizer with the models that it asks for."""
    given = {"language_model": model, "embedding_model": FakeEmbeddingModel()}
    asked = inspect.signature(cls.__init__).parameters
    return cls(**{name: value for name, value in given.items() if name in asked})


async def trained(cls: type[Optimizer], *, jitter: int | None = None, **options: Any) -> Any:
    """The model, the program and the history of a fit on the planted task."""
    model = PlantedLanguageModel(
        3, examples=2, of_items=16, phrases=2, phrase_gain=0.2, example_gain=0.2, jitter=jitter
    )
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=made(cls, model))
    x, y = items(16)
    settings = {
        "epochs": 3,
        "batch_size": 4,
        "seed": 5,
        "max_concurrency": 4,
        "validation_data": items(8, 100),
    }
    history = await program.fit(x, y, **{**settings, **options})
    return model, program, history


def told(history: Any) -> list[Any]:
    return [(trial.candidate.key, trial.reward, trial.val_reward) for trial in history.trials]


async def test_the_program_gets_the_best_ever_scored_on_validation(cls: type[Optimizer]) -> None:
    _, program, history = await trained(cls)
    complete = [trial for trial in history.trials if trial.val_reward is not None]
    best = max(trial.val_reward for trial in complete)
    assert history.history["val_reward"][-1] == history.best_reward == best
    assert best >= complete[0].val_reward
    evaluated = await program.evaluate(*items(8, 100))
    assert evaluated["reward"] == pytest.approx(best)


async def test_the_order_in_which_calls_end_does_not_matter(cls: type[Optimizer]) -> None:
    _, first, one = await trained(cls, jitter=1)
    _, second, other = await trained(cls, jitter=2)
    assert told(one) == told(other)
    assert prompt_of(first) == prompt_of(second)


async def test_it_tries_several_candidates(cls: type[Optimizer]) -> None:
    _, _, history = await trained(cls, epochs=4)
    assert len({trial.candidate.key for trial in history.trials}) >= 4


async def test_a_stopped_fit_goes_on_from_its_folder_as_if_nothing_had_been(
    cls: type[Optimizer], tmp_path: Path
) -> None:
    undisturbed, _, whole = await trained(cls)
    stopped, _, part = await trained(cls, run_dir=tmp_path, max_calls=60)
    assert part.stop_reason
    resumed, _, rest = await trained(cls, run_dir=tmp_path)
    assert told(rest) == told(whole)
    assert stopped.calls + resumed.calls <= undisturbed.calls + 8  # calls under way when it stopped


async def test_a_budget_of_calls_is_not_passed(cls: type[Optimizer]) -> None:
    model, _, history = await trained(cls, max_calls=50)
    assert model.calls <= 50
    assert "max_calls" in history.stop_reason


async def test_an_unknown_argument_is_refused(cls: type[Optimizer]) -> None:
    with pytest.raises(TrainingError, match="populationsize"):
        cls(populationsize=3)  # type: ignore[call-arg]


async def test_it_can_be_made_again_from_its_configuration(cls: type[Optimizer]) -> None:
    optimizer = made(cls, PlantedLanguageModel())
    again = cls.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


async def test_a_program_without_variables_is_refused(cls: type[Optimizer]) -> None:
    model = PlantedLanguageModel()
    program = await planted_program(model)
    program.trainable = False
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=made(cls, model))
    with pytest.raises(TrainingError, match="nothing to train"):
        await program.fit(*items(4))
