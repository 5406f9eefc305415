"""CSV and TSV files: each row becomes a line that can be understood alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import readers
from ingest.chunkers import structure
from ingest.readers.base import Reading
from kag.errors import TooLargeError, UnsupportedFileError


def table(folder: Path, content: str, name: str = "people.csv") -> Reading:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return next(readers.read(path))


def lines(reading: Reading) -> list[str]:
    return [reading.text[start:end] for start, end in reading.records]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    content = "name,born,city\nCurie,1867,Warsaw\nHahn,1879,Frankfurt\n".replace(",", delimiter)
    assert lines(table(tmp_path, content)) == [
        "name: Curie; born: 1867; city: Warsaw",
        "name: Hahn; born: 1879; city: Frankfurt",
    ]


def test_commas_in_running_text_are_no_delimiters(tmp_path: Path) -> None:
    found = table(tmp_path, "name;note\nCurie;born, raised, taught\nHahn;worked with Meitner, in Berlin\n")
    assert lines(found)[0] == "name: Curie; note: born, raised, taught"


def test_quoted_cells_may_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'name,said\r\nCurie,"Nothing in life, ""nothing"",\r\nis to be feared"\r\n')
    assert lines(found) == ['name: Curie; said: Nothing in life, "nothing", is to be feared']


def test_a_table_without_a_head_keeps_its_first_row(tmp_path: Path) -> None:
    found = table(tmp_path, "Curie,1867,Warsaw\nHahn,1879,Frankfurt\n")
    assert lines(found) == ["Curie; 1867; Warsaw", "Hahn; 1879; Frankfurt"]


def test_empty_cells_and_rows_are_left_out_and_long_rows_kept(tmp_path: Path) -> None:
    found = table(tmp_path, "a,b,c\n1,,3\n,,\n\n1,2,3,4\n5\n")
    assert lines(found) == ["a: 1; c: 3", "a: 1; b: 2; c: 3; 4", "a: 5"]
    assert found.metadata == {"rows": 3}


def test_the_title_is_the_file_name_and_tsv_is_split_at_tabs(tmp_path: Path) -> None:
    found = table(tmp_path, "name, first\tborn\nCurie, Marie\t1867\nHahn, Otto\t1879\n", "nobel-prizes.tsv")
    assert found.title == "nobel-prizes"
    assert lines(found)[0] == "name, first: Curie, Marie; born: 1867"


def test_rows_share_passages_and_stay_whole(tmp_path: Path) -> None:
    found = table(tmp_path, "name,born\n" + "".join(f"Person {n},{1800 + n}\n" for n in range(100)))
    passages = structure.split(found, max_characters=1200)
    assert [line for passage in passages for line in passage.text.split("\n")] == lines(found)
    assert 150 < max(len(passage.text) for passage in passages) <= 200


def test_an_open_quotation_mark_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFileError, match=r"line \d+: field larger .* quotation mark"):
        table(tmp_path, 'a,b\n1,"' + "x" * 200_000)


def test_names_of_columns_do_not_blow_up_a_table_over_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("a long name of a column,b\n" + "1,2\n" * 1000)
    with pytest.raises(TooLargeError, match="rows"):
        next(readers.read(path, max_bytes=5000))
