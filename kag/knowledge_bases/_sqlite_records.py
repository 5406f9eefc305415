"""Builds records from the embedded store's rows, in batches: a fixed number of queries, however many ids."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apsw

from kag.knowledge_bases._contribution import ALIAS_SEPARATOR
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json, row_numbers
from kag.knowledge_bases.records import Chunk, Document, Entity, Relation, Scalar, Support

DOCUMENT = (
    "d.id, c.name, d.uri, d.title, d.media_type, d.content_hash, d.ingested_at, d.metadata "
    "FROM document d JOIN collection c ON c.rid = d.collection"
)
_CHUNKS = (
    "SELECT k.id, d.id, c.name, k.position, t.text, k.start, k.stop, k.page, k.headings "
    "FROM json_each(?) j CROSS JOIN chunk k ON k.rid = j.value CROSS JOIN chunk_text t ON t.rid = k.rid "
    "CROSS JOIN document d ON d.rid = k.document CROSS JOIN collection c ON c.rid = k.collection"
)
_ENTITIES = (
    "SELECT e.id, c.name, e.label, e.name, e.aliases, e.description, e.properties, e.degree, e.rid "
    "FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value "
    "CROSS JOIN collection c ON c.rid = e.collection"
)
_RELATIONS = (
    "SELECT r.id, c.name, r.type, s.id, o.id, r.description, r.properties, r.rid, r.weight "
    "FROM json_each(?) j CROSS JOIN relation r ON r.rid = j.value "
    "CROSS JOIN collection c ON c.rid = r.collection "
    "CROSS JOIN entity s ON s.rid = r.subject CROSS JOIN entity o ON o.rid = r.object"
)
_SUPPORT = (
    "SELECT DISTINCT j.value, c.id, s.quote, s.start, s.stop FROM json_each(?) j CROSS JOIN support s ON {} "
    "CROSS JOIN chunk c ON c.rid = s.chunk"
)
_ALL = "s.relation = j.value"
_SOME = "s.rid IN (SELECT rid FROM support WHERE relation = j.value ORDER BY rid LIMIT ?)"


def document_of(row: Sequence[Any], text: str = "") -> Document:
    """Builds a document from a row of `DOCUMENT`."""
    i, collection, uri, title, media_type, content_hash, ingested_at, metadata = row
    return Document(
        i, collection, uri, title, media_type, content_hash, text, ingested_at, json.loads(metadata)
    )


def documents(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Document]:
    """Fetches documents with their texts; unknown ids are left out."""
    found = select(
        db,
        f"SELECT t.text, {DOCUMENT} JOIN document_text t ON t.document = d.rid "
        "WHERE d.id IN (SELECT value FROM json_each(?))",
        (as_json(ids),),
    )
    return {row[0]: document_of(row, text) for text, *row in found}


def chunks(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Chunk]:
    """Fetches chunks without their vectors; unknown ids are left out."""
    found = select(db, _CHUNKS, (as_json(row_numbers(db, "chunk", ids).values()),))
    return {row[0]: _chunk(row) for row in found}


def entities(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Entity]:
    """Fetches entities by the ids asked for, which may be those of their forms; unknown ids are left out."""
    rows = row_numbers(db, "entity", ids)
    found = {row[8]: _entity(row) for row in select(db, _ENTITIES, (as_json(set(rows.values())),))}
    return {i: found[row] for i, row in rows.items()}


def entities_at(db: apsw.Connection, rows: Iterable[int]) -> dict[str, Entity]:
    """Fetches entities by their rows."""
    return {row[0]: _entity(row) for row in select(db, _ENTITIES, (as_json(rows),))}


def relations(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Relation]:
    """Fetches relations with all of their support, by the ids asked for; unknown ids are left out."""
    rows = row_numbers(db, "relation", ids)
    found = relations_at(db, set(rows.values()))
    shown = dict(
        select(
            db,
            "SELECT r.rid, r.id FROM json_each(?) j CROSS JOIN relation r ON r.rid = j.value",
            (as_json(set(rows.values())),),
        )
    )
    return {i: found[shown[row]] for i, row in rows.items()}


def relations_at(
    db: apsw.Connection, rows: Iterable[int], most_support: int | None = None
) -> dict[str, Relation]:
    """Fetches relations by their rows, of each only so much support as asked for: the earliest written."""
    found = select(db, _RELATIONS, (as_json(rows),))
    support: dict[int, list[Support]] = {}
    whole = [row[7] for row in found if most_support is None or row[8] <= most_support]
    for relation, *said in select(db, _SUPPORT.format(_ALL), (as_json(whole),)):
        support.setdefault(relation, []).append(Support(*said))
    cut = [row[7] for row in found if most_support is not None and row[8] > most_support]
    for relation, *said in select(db, _SUPPORT.format(_SOME), (as_json(cut), most_support)) if cut else ():
        support.setdefault(relation, []).append(Support(*said))
    return {row[0]: _relation(row, support.get(row[7], [])) for row in found}


def _chunk(row: Sequence[Any]) -> Chunk:
    i, document, collection, order, text, start, stop, page, headings = row
    return Chunk(i, document, collection, order, text, start, stop, page, tuple(json.loads(headings)))


def _entity(row: Sequence[Any]) -> Entity:
    i, collection, label, name, aliases, description, properties, degree, _ = row
    forms = tuple(aliases.split(ALIAS_SEPARATOR)) if aliases else ()
    return Entity(i, collection, label, name, forms, description, properties_of(properties), degree)


def _relation(row: Sequence[Any], support: list[Support]) -> Relation:
    i, collection, type_, subject, obj, description, properties, *_ = row
    if len(support) > 1:
        support.sort(key=lambda s: (s.chunk_id, s.start, s.end, s.quote))
    return Relation(
        i, collection, type_, subject, obj, description, properties_of(properties), tuple(support)
    )


def properties_of(properties: str) -> Mapping[str, Scalar]:
    """Reads properties as they are stored."""
    return {} if properties == "{}" else json.loads(properties)
