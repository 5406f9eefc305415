"""JSON lines: a document a line, streamed; bad lines are named and cost no good ones."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest

from ingest import readers
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, ReadError, TooLargeError, UnsupportedFileError


def written(folder: Path, *lines: object, name: str = "a.jsonl") -> Path:
    path = folder / name
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def until_error(path: Path) -> tuple[list[Reading], str]:
    found: list[Reading] = []
    with pytest.raises(ReadError) as raised:
        for reading in readers.read(path):
            found.append(reading)  # noqa: PERF402  what comes before the error counts
    return found, str(raised.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_each_line_is_a_document_with_its_own_address(tmp_path: Path, name: str) -> None:
    path = written(
        tmp_path, {"id": "hp1", "title": "Duck", "text": "It quacks."}, "", {"text": "No id."}, name=name
    )
    first, second = readers.read(path)
    assert (first.uri, first.title, first.text) == (f"{path}#hp1", "Duck", "It quacks.")
    assert (second.uri, second.title) == (f"{path}#3", "3")
    assert first.content_hash != second.content_hash


def test_other_keys_become_metadata(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": 7, "text": "x", "year": 1898, "good": True, "tags": ["a", "ü"], "none": None, "big": 10**30},
    )
    found = next(readers.read(path))
    assert found.uri.endswith("#7")
    assert found.metadata == {"year": 1898, "good": True, "tags": '["a", "ü"]', "big": str(10**30)}


def test_bad_lines_are_named_after_all_good_ones_were_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"text": "a"}, "{broken", {"id": "n"}, [1], {"text": " "}, {"text": 5}, {"text": "b"}
    )
    found, error = until_error(path)
    assert [reading.text for reading in found] == ["a", "b"]
    assert error.startswith(f"5 lines of {path} cannot be used: line 2: no JSON")
    assert "line 3: no text; it has 'id'" in error
    assert "line 4: a JSON list" in error


def test_an_id_that_was_used_before_is_an_error_and_not_an_overwritten_document(tmp_path: Path) -> None:
    found, error = until_error(written(tmp_path, {"id": 1, "text": "a"}, {"id": "1", "text": "b"}))
    assert [reading.text for reading in found] == ["a"]
    assert "line 2: the id '1' has been used" in error


def test_a_file_that_holds_something_else_is_given_up_early(tmp_path: Path) -> None:
    path = written(tmp_path, *["prose, not JSON"] * 1000)
    with pytest.raises(UnsupportedFileError, match="does not hold a JSON object with a text on each line"):
        next(readers.read(path))


def test_reading_is_a_stream(tmp_path: Path) -> None:
    path = written(tmp_path, *({"text": f"text {n}"} for n in range(3)), "not json")
    assert [reading.text for reading in islice(readers.read(path), 3)] == ["text 0", "text 1", "text 2"]


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"id": "\\ud800", "title": "\\udc00", "text": "a\\ud83eb\\u0000", "\\ud800": "\\ud800"}'
    )
    found = next(readers.read(path))
    assert found.text == "a\ufffdb"
    for piece in (found.uri, found.title, *found.metadata, *map(str, found.metadata.values())):
        piece.encode()


def test_deep_nesting_is_an_error_of_its_line(tmp_path: Path) -> None:
    found, error = until_error(written(tmp_path, {"text": "a"}, '{"text": "b", "x": ' + "[" * 200_000))
    assert [reading.text for reading in found] == ["a"]
    assert "line 2" in error


def test_archives_that_unpack_to_too_much_are_refused(tmp_path: Path) -> None:
    one_line = tmp_path / "line.jsonl.gz"
    one_line.write_bytes(gzip.compress(b"0" * 50_000_000))
    with pytest.raises(TooLargeError, match="one line"):
        list(readers.read(one_line))
    many = written(tmp_path, *[{"text": "x" * 1000}] * 1000, name="many.jsonl.gz")
    with pytest.raises(TooLargeError, match="unpacks to"):
        list(readers.read(many, max_bytes=50_000))


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, *[{"text": f"{n}"} for n in range(1000)], name="cut.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-500])
    assert "cut.jsonl.gz" in until_error(path)[1]


def test_a_file_without_lines_is_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocumentError):
        next(readers.read(written(tmp_path, "", "", "")))
