"""Finds facts in rows of tables: `Column: value; Column: value` on a line, or one field line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.extractors._dates import find_dates
from ingest.extractors._patterns import Fact, Named
from ingest.extractors._titles import is_generic

_COLUMN = r"[^\W\d_][\w /()%#.-]{0,39}"
_FIELD = re.compile(rf"(?P<column>{_COLUMN}):[ \t]+(?P<value>[^\n]+?)[ \t]*(?=; {_COLUMN}: |;?$)(?:; )?")
_LINE = re.compile(r"[^\n]+")
_SUBJECT_COLUMNS = ("name", "title", "label", "subject", "entity", "product", "company", "person", "item")
_LIST = re.compile(r"\s*[;|]\s*")
_LETTER = re.compile(r"[^\W\d_]")
_LEAST_FIELDS = 2
_MOST_WORDS = 6


class Field(NamedTuple):
    """A cell with its column: their words and spans."""

    column: str
    value: str
    column_start: int
    start: int
    end: int


def find_rows(text: str) -> list[list[Field]]:
    """Finds the rows of tables in a text; prose has none.

    A row is a line with two fields or more, or a block of lines, up to a blank one, of one field each.
    """
    rows: list[list[Field]] = []
    block: list[Field] = []
    end = 0
    for line in _LINE.finditer(text):
        fields = _fields(line)
        if len(fields) == 1 and "\n\n" not in text[end : line.start()]:
            block.append(fields[0])
        else:
            rows.append(block)
            block = fields if len(fields) == 1 else []
            rows.append(fields)
        end = line.end()
    return [row for row in [*rows, block] if len(row) >= _LEAST_FIELDS]


def _fields(line: re.Match[str]) -> list[Field]:
    """The fields of a line that holds nothing else, else none."""
    written, fields, place = line.group(), list[Field](), 0
    while place < len(written):
        match = _FIELD.match(written, place)
        if not match:
            return []
        column, start, end = (line.start() + at for at in (match.start(), *match.span("value")))
        fields.append(Field(match["column"], match["value"], column, start, end))
        place = max(match.end(), len(written) if written[match.end() :].strip(" ;") == "" else 0)
    return fields


def find_facts(rows: list[list[Field]]) -> Iterator[Fact]:
    """Finds what rows state: their subject, related to each value by the column.

    The subject is the column called `name`, `title` or the like, else the first. A value is an entity if it
    is short and has letters, or a date.
    """
    for row in rows:
        chosen = min(row, key=lambda field: _rank(field.column))
        subject = next(_entities(chosen), None)
        if subject is None or subject.label == "Date":
            continue
        for field in row:
            type_ = relation_type(field.column) if field is not chosen else ""
            for value in _entities(field) if type_ else ():
                if value.name != subject.name:
                    yield Fact(subject, type_, value, min(chosen.start, field.column_start), field.end)


def _rank(column: str) -> int:
    low = column.lower()
    return _SUBJECT_COLUMNS.index(low) if low in _SUBJECT_COLUMNS else len(_SUBJECT_COLUMNS)


def _entities(field: Field) -> Iterator[Named]:
    place = 0
    for value in _LIST.split(field.value.rstrip(" .;")):
        place = field.value.index(value, place)
        start, place = field.start + place, place + len(value)
        dates = [date for date in find_dates(value) if date.name and date.end - date.start == len(value)]
        if dates:
            yield Named(start, start + len(value), dates[0].name, "Date")
        elif value and _LETTER.search(value) and len(value.split()) <= _MOST_WORDS and not is_generic(value):
            label = "Term" if value[0].islower() else "Name"
            yield Named(start, start + len(value), " ".join(value.split()), label)


def relation_type(words: str) -> str:
    """Makes a type such as `DATE_OF_BIRTH` of a column's name; empty where it has no plain letters."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", words)
    type_ = "_".join(part.upper() for part in parts)[:60].strip("_")
    return type_ if type_[:1].isalpha() else ""
