"""What every dataset does: one suite over all files of `kag.datasets` but those that they share."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kag
from kag import discover
from kag.datasets.base import DatasetWarning, rows
from kag.errors import MissingDependencyError, TrainingError

GRID = [[1, 2], [3, 4]]
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "arcagi": (
        "arc_agi1_training.jsonl.gz",
        {
            "id": "a",
            "train": [{"input": GRID, "output": GRID}] * 3,
            "test": [{"input": GRID, "output": GRID}],
        },
    ),
    "gsm8k": ("gsm8k_train.jsonl.gz", {"question": "How many?", "answer": "Six times 200.\n#### 1,200"}),
    "hotpotqa": ("hotpotqa_train.jsonl", {"question": "Who?", "answer": "Ada"}),
    "musique": ("musique_train_100/queries.jsonl.gz", {"question": "Who?", "answer": "Ada", "gold": ["p1"]}),
}
DATASETS = sorted(set(discover.names("kag.datasets")) - {"base", "own"})


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def load(name: str, folder: Path | None = None) -> Any:
    return getattr(kag.datasets, name).load_data(folder)


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.filterwarnings("ignore::kag.datasets.base.DatasetWarning")
def test_samples_are_data_models_in_arrays_of_one_length(name: str, tmp_path: Path) -> None:
    file, row = ROWS[name]
    write(tmp_path, file, [row] * 20)
    module = getattr(kag.datasets, name)
    for x, y in load(name, tmp_path):
        assert isinstance(x, np.ndarray)
        assert len(x) == len(y) > 0
        assert isinstance(x[0], module.get_input_data_model())
        assert isinstance(y[0], module.get_output_data_model())


@pytest.mark.parametrize("name", DATASETS)
def test_data_that_is_not_there_is_explained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAG_DATA", raising=False)
    with pytest.raises(TrainingError, match="KAG_DATA"):
        load(name)
    with pytest.raises(TrainingError, match=r"jsonl"):
        load(name, tmp_path)
    with pytest.raises(TrainingError, match="no folder"):
        load(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", DATASETS)
def test_a_broken_file_is_named(name: str, tmp_path: Path) -> None:
    file, row = ROWS[name]
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    for content in (b"\x1f\x8b broken", b"[1, 2]\n", b'{"question": \n', json.dumps({"x": row}).encode()):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(TrainingError, match=Path(file).name.split(".")[0]):
            load(name, tmp_path)


def test_a_missing_split_is_the_last_tenth_of_the_other(tmp_path: Path) -> None:
    rows = [{"question": f"Question {i}?", "answer": f"#### {i}"} for i in range(50)]
    write(tmp_path, "gsm8k_train.jsonl", rows)
    with pytest.warns(DatasetWarning, match="last 5 of 50"):
        (x_train, _), (x_test, y_test) = load("gsm8k", tmp_path)
    assert (len(x_train), len(x_test)) == (45, 5)
    assert y_test[0].answer == 45
    write(tmp_path, "gsm8k_test.jsonl", rows[:2])
    (x_train, _), (x_test, _) = load("gsm8k", tmp_path)
    assert (len(x_train), len(x_test)) == (50, 2)


def test_numbers_of_solutions_are_read(tmp_path: Path) -> None:
    write(tmp_path, *(ROWS["gsm8k"][0], [ROWS["gsm8k"][1]] * 20))
    with pytest.warns(DatasetWarning):
        (_, y), _ = load("gsm8k", tmp_path)
    assert (y[0].thinking, y[0].answer) == ("Six times 200.", 1200.0)


class Query(kag.DataModel):
    query: str


class Label(kag.DataModel):
    label: str


def test_own_files_are_read_by_field_or_by_function(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "q", "label": "l", "more": 1}\n')
    x, y = kag.datasets.from_jsonl(tmp_path / "a.jsonl", Query, Label)
    assert (x[0].query, y[0].label) == ("q", "l")
    (tmp_path / "a.csv").write_text("text,label\nq,l\n")
    x, y = kag.datasets.from_csv(tmp_path / "a.csv", Query, Label, inputs=lambda row: {"query": row["text"]})
    assert (x[0].query, y[0].label) == ("q", "l")


def test_a_row_that_does_not_fit_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "q", "label": "l"}\n{"question": "q"}\n')
    with pytest.raises(TrainingError, match=r"row 2.*query.*'question'"):
        kag.datasets.from_jsonl(tmp_path / "a.jsonl", Query, Label)
    (tmp_path / "empty.csv").write_text("query,label\n")
    with pytest.raises(TrainingError, match="no samples"):
        kag.datasets.from_csv(tmp_path / "empty.csv", Query, Label)


def test_an_unknown_dataset_names_those_there_are() -> None:
    with pytest.raises(AttributeError, match=r"arcagi, gsm8k, hotpotqa, musique"):
        kag.datasets.mnist  # noqa: B018  the access is what is tested


def test_a_library_that_is_not_installed_comes_with_its_hint() -> None:
    pytest.importorskip("kag.datasets.own")
    try:
        import datasets  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match="pip install datasets"):
            kag.datasets.from_huggingface("squad", Query, Label)


def test_a_gzipped_file_that_is_damaged_inside_is_named(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(b'{"question": "a", "answer": "b"}\n' * 1000 + bytes(range(256)) * 20))
    for place in range(30, 60):
        content[place] ^= 0x5A
    (tmp_path / "damaged.jsonl.gz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"damaged\.jsonl\.gz cannot be read"):
        list(rows(tmp_path / "damaged.jsonl.gz"))
