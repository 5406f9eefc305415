"""Small things that the embedded store's reading and writing share: ids to row numbers, and counts."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import apsw

from kag.errors import SearchError
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._values import clean

Table = Literal["document", "chunk", "entity", "relation"]
_FORMS = {"entity": "form", "relation": "relation_form"}  # what is contributed under another id than shown


@dataclass(slots=True)
class Place:
    """Where a write takes place: the document's and the collection's row, and the counts it changes."""

    document: int
    collection: int
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)


def as_json(ids: Iterable[str | int]) -> str:
    """Packs ids into one parameter for `json_each`, which has no limit on their number."""
    return json.dumps(list(ids))


def row_numbers(db: apsw.Connection, table: Table, ids: Iterable[str]) -> dict[str, int]:
    """Finds the row numbers of ids; unknown ids are left out.

    The id of a form that is shown as part of another entity leads to that entity's row; so with relations.
    """
    ids = list(ids)
    found: dict[str, int] = dict(
        select(
            db,
            f"SELECT t.id, t.rid FROM json_each(?) j CROSS JOIN {table} t ON t.id = j.value",
            (as_json(ids),),
        )
    )
    forms = _FORMS.get(table)
    missing = [i for i in ids if i not in found] if forms else []
    if missing:
        sql = f"SELECT t.id, t.{table} FROM json_each(?) j CROSS JOIN {forms} t ON t.id = j.value"
        found.update((i, row) for i, row in select(db, sql, (as_json(missing),)) if row > 0)
    return found


def shown_rows(db: apsw.Connection, forms: Iterable[int]) -> dict[int, int]:
    """Finds the entity's row under which each form's row is shown; rows that are gone are left out."""
    packed = as_json(forms)
    found = select(
        db,
        "SELECT e.rid, e.rid FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value UNION ALL "
        "SELECT f.rid, f.entity FROM json_each(?) j CROSS JOIN form f ON f.rid = j.value",
        (packed, packed),
    )
    return dict(found)


def next_row(db: apsw.Connection, table: Table) -> int:
    """The row number that a new row gets; stays free as long as the write transaction lasts.

    Entities and their forms share the numbers, and so do relations and theirs.
    """
    tables = [table, _FORMS[table]] if table in _FORMS else [table]
    highest = ", ".join(f"coalesce((SELECT max(rid) FROM {name}), 0)" for name in (*tables, tables[0]))
    return int(select_value(db, f"SELECT max({highest}) + 1"))


def collection_rows(db: apsw.Connection, names: Sequence[str]) -> list[int]:
    """Finds the row numbers of collections; unknown ones are left out, no names mean every collection."""
    if isinstance(names, str):
        raise SearchError(
            f"collections is the text {names!r}; expected a list of names, such as [{names!r}]."
        )
    if not names:
        return [rid for (rid,) in select(db, "SELECT rid FROM collection")]
    found = (select(db, "SELECT rid FROM collection WHERE name = ?", (clean(name),)) for name in set(names))
    return [rows[0][0] for rows in found if rows]


def add_tally(db: apsw.Connection, place: Place) -> None:
    """Adds a write's counts to the collection's."""
    changes = [(place.collection, kind, name, n) for (kind, name), n in place.tally.items() if n]
    db.executemany(
        "INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", changes
    )
    if any(n < 0 for *_, n in changes):
        db.execute("DELETE FROM tally WHERE collection = ? AND n = 0", (place.collection,))
