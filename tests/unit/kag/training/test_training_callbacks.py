"""Callbacks: when they save, stop and write."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from planted_model import PlantedLanguageModel, items, planted_program

import kag
from kag.errors import MissingDependencyError, TrainingError


async def fitted(*callbacks: Any, metrics: Any = None, model: Any = None, **options: Any) -> Any:
    model = model or PlantedLanguageModel(1, examples=3, example_gain=0.3, of_items=16)
    program = await planted_program(model)
    optimizer = kag.optimizers.RandomFewShot()
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer, metrics=metrics)
    settings = {"epochs": 6, "batch_size": 4, "seed": 2, "max_concurrency": 4}
    settings |= {"validation_data": items(16, 100), **options}
    return await program.fit(*items(16), callbacks=list(callbacks), **settings)


def names(folder: Path, pattern: str) -> set[str]:
    return {path.name for path in folder.glob(pattern)}


async def test_a_checkpoint_is_written_every_epoch_or_for_the_best_only(tmp_path: Path) -> None:
    every = kag.callbacks.ProgramCheckpoint(tmp_path / "every-{epoch}.json")
    best = kag.callbacks.ProgramCheckpoint(tmp_path / "best-{epoch}.json", save_best_only=True)
    history = await fitted(every, best)
    rewards = history.history["val_reward"]
    assert len(names(tmp_path, "every-*")) == 6
    improved = [n for n, reward in enumerate(rewards) if n == 0 or reward > max(rewards[:n])]
    assert names(tmp_path, "best-*") == {f"best-{n + 1}.json" for n in improved}
    last = kag.Program.load(tmp_path / f"best-{improved[-1] + 1}.json")
    assert (await last.evaluate(*items(16, 100)))["reward"] == max(rewards)


async def test_a_checkpoint_may_hold_the_variables_alone(tmp_path: Path) -> None:
    file = tmp_path / "v.variables.json"
    await fitted(kag.callbacks.ProgramCheckpoint(file, save_variables_only=True), epochs=2)
    program = await planted_program(PlantedLanguageModel(1))
    program.load_variables(file)


async def test_a_checkpoint_that_follows_a_log_which_is_not_there_says_so(tmp_path: Path) -> None:
    best = kag.callbacks.ProgramCheckpoint(
        tmp_path / "p.json", monitor="val_f1", mode="max", save_best_only=True
    )
    with pytest.raises(
        TrainingError, match="'val_f1', which this fit does not log; it logs reward, val_reward"
    ):
        await fitted(best)
    named = kag.callbacks.ProgramCheckpoint(tmp_path / "p-{accuracy}.json")
    with pytest.raises(TrainingError, match="accuracy"):
        await fitted(named)


async def test_auto_mode_asks_the_metric_and_refuses_to_guess(tmp_path: Path) -> None:
    stops = kag.callbacks.EarlyStopping(monitor="val_f1_score", patience=3)
    await fitted(stops, metrics=[kag.metrics.F1Score()], epochs=2)
    with pytest.raises(TrainingError, match="mode='max' or mode='min'"):
        await fitted(kag.callbacks.EarlyStopping(monitor="val_sharpness"))


async def test_early_stopping_waits_for_its_patience() -> None:
    model = PlantedLanguageModel(1)  # nothing helps
    history = await fitted(kag.callbacks.EarlyStopping(patience=2), model=model)
    assert len(history.epoch) == 3
    assert "did not improve for 2 epochs" in history.stop_reason


async def test_early_stopping_stops_when_it_is_good_enough() -> None:
    history = await fitted(kag.callbacks.EarlyStopping(patience=99, stop_at=0.4), epochs=30)
    values = history.history["val_reward"]
    assert values[-1] >= 0.4
    assert all(value < 0.4 for value in values[:-1])


async def test_budget_stopping_ends_after_the_batch_in_which_it_is_reached() -> None:
    history = await fitted(kag.callbacks.BudgetStopping(max_calls=60))
    assert "max_calls=60" in history.stop_reason
    assert 60 <= history.calls < 120
    with pytest.raises(TrainingError, match="at least one of"):
        kag.callbacks.BudgetStopping()


async def test_the_log_is_a_table_with_one_row_an_epoch(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "log.csv"
    history = await fitted(kag.callbacks.CSVLogger(file), epochs=3)
    await fitted(kag.callbacks.CSVLogger(file, append=True), epochs=2)
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "0", "1"]
    assert [float(row["val_reward"]) for row in rows[:3]] == history.history["val_reward"]


async def test_a_backup_lets_a_fit_go_on_and_is_removed_at_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    part = await fitted(kag.callbacks.BackupAndRestore(folder), max_calls=60)
    assert part.stop_reason
    assert (folder / "journal.jsonl").exists()
    model = PlantedLanguageModel(1, examples=3, example_gain=0.3, of_items=16)
    whole = await fitted(kag.callbacks.BackupAndRestore(folder), model=model)
    assert model.calls < whole.calls
    assert not folder.exists()
    with pytest.raises(TrainingError, match="one run folder"):
        await fitted(kag.callbacks.BackupAndRestore(folder), run_dir=tmp_path / "other")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


async def test_a_terminal_gets_a_bar_and_a_file_one_line_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    await fitted(epochs=2)
    assert "Epoch 2/2" in terminal.getvalue()
    assert "4/4 ━━━━━━" in terminal.getvalue()
    assert "val_reward: " in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    await fitted(epochs=2, verbose=0)
    assert file.getvalue() == ""
    await fitted(epochs=2)
    assert [line[:9] for line in file.getvalue().splitlines()] == ["Epoch 1/2", "Epoch 2/2"]
    assert "\r" not in file.getvalue()


async def test_history_can_be_drawn(tmp_path: Path) -> None:
    history = await fitted(metrics=[kag.metrics.F1Score()], epochs=2)
    assert set(history.history) == {"reward", "f1_score", "val_reward", "val_f1_score"}
    assert kag.utils.plot_history(history, to_folder=tmp_path).stat().st_size > 1000


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_a_monitor_without_mlflow_says_how_to_install_it() -> None:
    with pytest.raises(MissingDependencyError, match=r"kag-server\[mlflow\]"):
        kag.callbacks.Monitor()


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("EarlyStopping", {"patience": -1}),
        ("EarlyStopping", {"mode": "up"}),
        ("BudgetStopping", {"max_cost": 0}),
        ("BudgetStopping", {"max_calls": "many"}),
        ("CSVLogger", {"filename": "x.csv", "separator": "--"}),
        ("BackupAndRestore", {"backup_dir": ""}),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainingError):
        getattr(kag.callbacks, kind)(**wrong)
