"""Relations by what is known of their ends and type, the best supported first."""

# ruff: noqa: S608  only names from this file are pasted into statements; values are parameters

from __future__ import annotations

import apsw

from kag.errors import SearchError
from kag.knowledge_bases import _sqlite_records as records
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_expand import MOST_SUPPORT
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, row_numbers
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import TripletSearch
from kag.knowledge_bases.records import Relation

_FROM = "json_each(?) j CROSS JOIN relation r ON r.{} = j.value"
_HELD = "IN (SELECT value FROM json_each(?))"


def triplets(db: apsw.Connection, search: TripletSearch) -> list[Relation]:
    """Finds relations, those with the most support first, then by id.

    Raises:
        SearchError: `limit` is negative.
    """
    if search.limit < 0:
        raise SearchError(f"limit is {search.limit}; expected a limit from 0.")
    source, conditions, values = _ends(db, search)
    collections = collection_rows(db, search.collections)
    conditions.append(f"r.collection {_HELD}")
    values.append(as_json(collections))
    if search.chunk_ids:
        conditions.append(
            "EXISTS (SELECT 1 FROM support s WHERE s.relation = r.rid AND s.chunk IN "
            "(SELECT value FROM json_each(?)))"
        )
        values.append(as_json(row_numbers(db, "chunk", search.chunk_ids).values()))
    if search.types:
        conditions.append(f"r.type {_HELD}")
        values.append(as_json(map(clean, search.types)))
    for end, label in (("subject", search.subject_label), ("object", search.object_label)):
        if label is not None:
            conditions.append(f"(SELECT label FROM entity e WHERE e.rid = r.{end}) = ?")
            values.append(clean(label))
    found = select(
        db,
        f"SELECT r.rid, r.id FROM {source} WHERE {' AND '.join(conditions)} "
        "ORDER BY r.weight DESC, r.id LIMIT ?",
        (*values, search.limit),
    )
    known = records.relations_at(db, [rid for rid, _ in found], MOST_SUPPORT)
    return [known[i] for _, i in found]


def _ends(db: apsw.Connection, search: TripletSearch) -> tuple[str, list[str], list[str]]:
    """Where the search begins: at the known ends, or at all relations; with conditions and their values."""
    subjects = as_json(row_numbers(db, "entity", search.subject_ids).values())
    objects = as_json(row_numbers(db, "entity", search.object_ids).values())
    if search.subject_ids and search.object_ids:
        return _FROM.format("subject"), [f"r.object {_HELD}"], [subjects, objects]
    if search.subject_ids:
        return _FROM.format("subject"), [], [subjects]
    if search.object_ids:
        return _FROM.format("object"), [], [objects]
    if search.chunk_ids:
        chunks = as_json(row_numbers(db, "chunk", search.chunk_ids).values())
        stated = (
            "(SELECT DISTINCT s.relation FROM json_each(?) j CROSS JOIN support s ON s.chunk = j.value) j"
        )
        return f"{stated} CROSS JOIN relation r ON r.rid = j.relation", [], [chunks]
    return "relation r", [], []
