"""The picture of retrieval scores."""

from pathlib import Path

import pytest

from kag.errors import ConfigurationError
from kag.plotting.retrieval import plot_recall

TABLES = {
    "graph": {"recall@2": 0.6, "recall@5": 0.8, "median_ms": 9.0},
    "hybrid": {"recall@2": 0.5, "recall@5": 0.6, "median_ms": 4.0},
}


def test_recall_is_drawn_into_a_new_folder(tmp_path: Path) -> None:
    path = plot_recall(TABLES, tmp_path / "new" / "recall.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_picture_shows_the_values(tmp_path: Path) -> None:
    one = plot_recall(TABLES, tmp_path / "one.png").read_bytes()
    assert plot_recall(TABLES, tmp_path / "same.png").read_bytes() == one
    changed = {**TABLES, "graph": {**TABLES["graph"], "recall@5": 0.9}}
    assert plot_recall(changed, tmp_path / "other.png").read_bytes() != one


@pytest.mark.parametrize("tables", [{}, {"graph": {"median_ms": 3.0}}])
def test_nothing_to_draw_is_refused(tmp_path: Path, tables: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ConfigurationError, match="no recall"):
        plot_recall(tables, tmp_path / "recall.png")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="png"):
        plot_recall(TABLES, tmp_path / "recall.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Cannot write"):
        plot_recall(TABLES, tmp_path / "file" / "recall.png")
