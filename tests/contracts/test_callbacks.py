"""What every callback keeps to; the files in kag/training/callbacks are found by themselves."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest
from planted_model import PlantedLanguageModel, items, planted_program

import kag
from kag.discover import load, names
from kag.errors import TrainingError
from kag.training.callbacks.base import Callback

PACKAGE = "kag.training.callbacks"
NEEDS = {"Monitor": "mlflow"}  # what else has to be installed


def classes() -> list[Any]:
    found = []
    for file in names(PACKAGE):
        module = load(PACKAGE, file)
        found += [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type) and issubclass(thing, Callback) and thing.__module__ == module.__name__
        ]
    missing = {name for name, needed in NEEDS.items() if importlib.util.find_spec(needed) is None}
    skips = {name: [pytest.mark.skip(f"{NEEDS[name]} is not installed")] for name in missing}
    return [pytest.param(cls, id=cls.__name__, marks=skips.get(cls.__name__, [])) for cls in found]


pytestmark = pytest.mark.parametrize("cls", classes())


@pytest.fixture(autouse=True)
def _mlflow_may_write_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client alone, which is what the extra brings, knows servers and files only."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


def made(cls: type[Callback], folder: Path) -> Callback:
    """A callback with the files and limits that it asks for."""
    given = {
        "filepath": str(folder / "program.json"),
        "filename": str(folder / "log.csv"),
        "backup_dir": str(folder / "backup"),
        "tracking_uri": (folder / "runs").as_uri(),
        "max_calls": 10_000,
    }
    asked = inspect.signature(cls.__init__).parameters
    return cls(**{name: value for name, value in given.items() if name in asked})


async def fitted(callbacks: list[Callback]) -> Any:
    model = PlantedLanguageModel(1, examples=2, example_gain=0.4, of_items=8)
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    settings = {"epochs": 2, "batch_size": 4, "seed": 1, "validation_data": items(4, 50)}
    return await program.fit(*items(8), callbacks=callbacks, **settings)


async def test_it_does_not_change_what_is_found(cls: type[Callback], tmp_path: Path) -> None:
    with_it, without = await fitted([made(cls, tmp_path)]), await fitted([])
    assert with_it.history["val_reward"] == without.history["val_reward"][: len(with_it.epoch)]


async def test_it_serves_a_second_fit(cls: type[Callback], tmp_path: Path) -> None:
    callback = made(cls, tmp_path)
    first, second = await fitted([callback]), await fitted([callback])
    assert first.history == second.history


async def test_it_can_be_made_again_from_its_configuration(cls: type[Callback], tmp_path: Path) -> None:
    callback = made(cls, tmp_path)
    assert cls.from_config(callback.get_config()).get_config() == callback.get_config()


async def test_an_unknown_argument_is_refused(cls: type[Callback], tmp_path: Path) -> None:
    config = made(cls, tmp_path).get_config()
    with pytest.raises(TrainingError, match="colour"):
        cls(**config, colour="red")
