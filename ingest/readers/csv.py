"""Tables in CSV and TSV files: each row becomes a line that names its columns, to be understood alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from ingest.readers import _files
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, UnsupportedFileError

SUFFIXES = (".csv", ".tsv")
MEDIA_TYPE = "text/csv"

_DELIMITERS = ",;\t|"
_SAMPLE = 65_536
_LONGEST_NAME = 100
_NUMBER = re.compile(r"[-+]?[\d.,:/ -]*\d[\d.,:/ %-]*$")
_SPACES = re.compile(r"\s+")


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a table as one document with a record for each row; see `ingest.readers.base.Reader.read`."""
    data, text = _files.load_text(path, max_bytes)
    pieces: list[str] = []
    records: list[tuple[int, int]] = []
    start = 0
    for line in _lines(path, text):
        pieces.append(line)
        records.append((start, start + len(line)))
        start += len(line) + 1
        if start > max_bytes:
            raise _files.too_large(
                path, "its rows, with the names of their columns, have more characters", max_bytes
            )
    if not records:
        raise EmptyDocumentError(f"There is no row in {_files.uri_of(path)}.")
    yield Reading(
        uri=_files.uri_of(path),
        title=_files.title_of(path),
        media_type=MEDIA_TYPE,
        text="\n".join(pieces),
        content_hash=_files.hash_of(data),
        records=tuple(records),
        metadata={"rows": len(records)},
    )


def _lines(path: Path, text: str) -> Iterator[str]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    rows = _rows(path, text, delimiter)
    first = list(islice(rows, 20))
    names = first.pop(0) if _names_columns(first) else []
    for row in chain(first, rows):
        if line := _line(names, row):
            yield line


def _rows(path: Path, text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows that are not blank, their cells trimmed and on one line."""
    parser = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in parser:
            cells = [_SPACES.sub(" ", cell).strip() for cell in row]
            if any(cells):
                yield cells
    except csv.Error as error:
        raise UnsupportedFileError(
            f"{_files.uri_of(path)} is not a table that can be read: line {parser.line_num}: {error}. "
            "A quotation mark may be left open."
        ) from error


def _delimiter(text: str) -> str:
    """The delimiter that splits the first lines into the most equal number of cells."""
    lines = text[:_SAMPLE].splitlines()[:50]
    if len(text) > _SAMPLE and len(lines) > 1:
        lines.pop()
    scores = {mark: _agreement(lines, mark) for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=scores.__getitem__)
    return best if scores[best] > 0 else ","


def _agreement(lines: Sequence[str], delimiter: str) -> float:
    """How many cells a line has, weighed by the share of lines with as many; 0 for one cell a line."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return 0.0
    usual = max(set(widths), key=widths.count, default=1)
    return usual * (widths.count(usual) / len(widths)) ** 2 if usual > 1 else 0.0


def _names_columns(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is a head: short, distinct words, no numbers, and rows below it."""
    if len(rows) < 2:
        return False
    first = [cell for cell in rows[0] if cell]
    words = all(not _NUMBER.match(cell) and len(cell) <= _LONGEST_NAME for cell in first)
    return words and len(set(first)) == len(first) and len(first) >= len(rows[0]) - 1


def _line(names: Sequence[str], row: Sequence[str]) -> str:
    pairs = []
    for column, value in enumerate(row):
        if value:
            name = names[column] if column < len(names) else ""
            pairs.append(f"{name}: {value}" if name else value)
    return "; ".join(pairs)
