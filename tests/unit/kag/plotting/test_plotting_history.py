from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kag.errors import TrainingError
from kag.plotting import plot_history


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_training_and_validation_are_drawn(tmp_path: Path) -> None:
    history = SimpleNamespace(
        history={"reward": [0.2, 0.5, 0.7], "val_reward": [0.1, 0.4, 0.6], "f1": [0.3, 0.4, 0.5]}
    )
    path = plot_history(history, to_folder=tmp_path / "new")
    assert path == tmp_path / "new" / "history.png"
    assert is_png(path)


def test_a_metric_that_both_have_needs_no_second_panel(tmp_path: Path) -> None:
    one = plot_history({"reward": [0.2]}, tmp_path, to_file="one")
    both = plot_history({"reward": [0.2], "val_reward": [0.1]}, tmp_path, to_file="both")
    other = plot_history({"reward": [0.2], "other": [0.1]}, tmp_path, to_file="other")
    size = {
        name: path.read_bytes()[16:24] for name, path in {"one": one, "both": both, "other": other}.items()
    }
    assert size["one"] == size["both"] != size["other"]


@pytest.mark.parametrize(
    "history",
    [
        {"reward": [0.5]},
        {"reward": [None, 0.5], "val_reward": [0.1, float("nan")]},
        {"cost": [-1e9, 1e9]},
        {"val_reward": [0.5, 0.6]},
        {"$m^$": [1, 2], "名": [3]},
        {f"metric {number}": [number] for number in range(11)},
    ],
)
def test_any_history_with_a_value_is_drawn(history: dict[str, Any], tmp_path: Path) -> None:
    assert is_png(plot_history(history, tmp_path))


@pytest.mark.parametrize(
    "history", [None, {}, {"reward": []}, {"reward": [None]}, {"reward": "high"}, {"reward": 1}, 3]
)
def test_a_history_without_values_is_refused(history: Any, tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        plot_history(history, tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="choose another folder"):
        plot_history({"reward": [0.5]}, tmp_path / "file")
