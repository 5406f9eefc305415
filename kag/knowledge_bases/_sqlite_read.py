"""The embedded store's reads: each takes a connection in a reading transaction, and sees one moment."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw

from kag.errors import SearchError, StoreNotFoundError
from kag.knowledge_bases import _sqlite_records as records
from kag.knowledge_bases._contribution import MENTION_KINDS
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, row_numbers
from kag.knowledge_bases._sqlite_vectors import current_space
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Job, Kind, Space, Statistics
from kag.knowledge_bases.records import Chunk, Document, Entity, Mention, Record, normalise

_KINDS = ("document", "chunk", "entity", "relation")
_PREFIXES: dict[str, Callable[[apsw.Connection, Iterable[str]], dict[str, Any]]] = {
    "doc": records.documents,
    "chk": records.chunks,
    "ent": records.entities,
    "rel": records.relations,
}


def get(db: apsw.Connection, ids: Sequence[str]) -> dict[str, Record]:
    """Fetches records of any kind, in the order asked for; unknown ids are left out."""
    found: dict[str, Record] = {}
    for prefix, fetch in _PREFIXES.items():
        wanted = [i for i in ids if i.startswith(f"{prefix}_")]
        if wanted:
            found.update(fetch(db, wanted))
    return {i: found[i] for i in ids if i in found}


def page(db: apsw.Connection, kind: Kind, collections: Sequence[str], after: str, limit: int) -> list[Record]:
    """Lists records in a stable order: documents by URI, others by id."""
    if kind not in _KINDS:
        raise SearchError(f"kind is {kind!r}; expected one of: {', '.join(_KINDS)}.")
    rows = collection_rows(db, collections)
    if kind == "document":
        return list(_document_page(db, rows, after, limit))
    ids = select(
        db,
        f"SELECT id FROM {kind} WHERE id > ? AND collection IN (SELECT value FROM json_each(?)) "
        "ORDER BY id LIMIT ?",
        (after, as_json(rows), max(limit, 0)),
    )
    return list(get(db, [i for (i,) in ids]).values())


def _document_page(db: apsw.Connection, rows: Sequence[int], after: str, limit: int) -> list[Document]:
    last = select(db, "SELECT uri FROM document WHERE id = ?", (after,))
    if after and not last:
        raise StoreNotFoundError(
            f"There is no document {after!r} to go on after; start again at the first page."
        )
    found = select(
        db,
        f"SELECT {records.DOCUMENT} WHERE d.collection IN (SELECT value FROM json_each(?)) "
        "AND (d.uri, d.id) > (?, ?) ORDER BY d.uri, d.id LIMIT ?",
        (as_json(rows), last[0][0] if last else "", after, max(limit, 0)),
    )
    return [records.document_of(row) for row in found]


def find_documents(db: apsw.Connection, collections: Sequence[str], uri_or_id: str) -> list[Document]:
    """Finds documents by id or exact URI, else by the end of the URI at a path boundary, in URI order."""
    wanted = clean(uri_or_id)
    if not wanted:
        return []
    known = select(
        db,
        "SELECT uri, id FROM document WHERE collection IN (SELECT value FROM json_each(?)) ORDER BY uri, id",
        (as_json(collection_rows(db, collections)),),
    )
    ids = [i for uri, i in known if wanted in (uri, i)]
    ids = ids or [i for uri, i in known if uri.endswith((f"/{wanted.lstrip('/')}", f"\\{wanted}"))]
    found = select(
        db,
        f"SELECT {records.DOCUMENT} WHERE d.id IN (SELECT value FROM json_each(?)) ORDER BY d.uri, d.id",
        (as_json(ids),),
    )
    return [records.document_of(row) for row in found]


def lookup(db: apsw.Connection, collections: Sequence[str], names: Sequence[str]) -> dict[str, list[Entity]]:
    """Finds entities by normalised name or alias; those that most chunks mention come first."""
    rows = set(collection_rows(db, collections))
    same: dict[str, list[str]] = {}
    for name in names:
        found = select(
            db,
            "SELECT DISTINCT e.id, e.collection FROM entity_name n CROSS JOIN entity e ON e.rid = n.entity "
            "WHERE n.key = ?",
            (normalise(clean(name)),),
        )
        same[name] = [i for i, collection in found if collection in rows]
    known = records.entities(db, {i for ids in same.values() for i in ids})
    return {
        name: sorted((known[i] for i in ids), key=lambda e: (-e.degree, e.id))
        for name, ids in same.items()
        if ids
    }


def mentions(
    db: apsw.Connection, chunk_ids: Sequence[str], entity_ids: Sequence[str], max_degree: int | None
) -> list[Mention]:
    """Fetches the mentions in chunks and those of entities, each once."""
    columns = "c.id, e.id, m.start, m.stop, m.kind"
    rows: list[tuple[str, str, int, int, int]] = []
    if chunk_ids:
        rows += select(
            db,
            f"SELECT {columns} FROM json_each(?) j CROSS JOIN chunk c ON c.id = j.value "
            "CROSS JOIN mention m ON m.chunk = c.rid CROSS JOIN entity e ON e.rid = m.entity",
            (as_json(chunk_ids),),
        )
    if entity_ids:
        bound = "" if max_degree is None else "AND e.degree <= ?"
        rows += select(
            db,
            f"SELECT {columns} FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value {bound} "
            "CROSS JOIN mention m ON m.entity = e.rid CROSS JOIN chunk c ON c.rid = m.chunk",
            (
                as_json(set(row_numbers(db, "entity", entity_ids).values())),
                *(() if max_degree is None else (max_degree,)),
            ),
        )
    return [
        Mention(c, e, start, stop, MENTION_KINDS[kind]) for c, e, start, stop, kind in dict.fromkeys(rows)
    ]


def statistics(db: apsw.Connection, collections: Sequence[str], size_bytes: int) -> Statistics:
    """Reads the counts that writes keep."""
    rows = as_json(collection_rows(db, collections))
    counts: dict[str, dict[str, int]] = {}
    for kind, name, n in select(
        db,
        "SELECT kind, name, sum(n) FROM tally WHERE collection IN (SELECT value FROM json_each(?)) "
        "GROUP BY kind, name ORDER BY sum(n) DESC, name",
        (rows,),
    ):
        counts.setdefault(kind, {})[name] = n
    names = select(
        db,
        "SELECT name FROM collection WHERE rid IN (SELECT value FROM json_each(?1)) UNION "
        "SELECT name FROM named_collection WHERE ?2 = '[]' OR name IN (SELECT value FROM json_each(?2)) "
        "ORDER BY name",
        (rows, as_json(map(clean, collections))),
    )
    current = current_space(db)
    totals = {
        kind: sum(counts.get(kind, {}).values())
        for kind in ("document", "chunk", "entity", "relation", "mention")
    }
    return Statistics(
        documents=totals["document"],
        chunks=totals["chunk"],
        entities=totals["entity"],
        relations=totals["relation"],
        mentions=totals["mention"],
        collections=tuple(name for (name,) in names),
        space=current[1] if current else None,
        labels=counts.get("entity", {}),
        relation_types=counts.get("relation", {}),
        size_bytes=size_bytes,
    )


def space(db: apsw.Connection) -> Space | None:
    """The vector space that is searched."""
    current = current_space(db)
    return current[1] if current else None


def unembedded(db: apsw.Connection, space: Space, after: str, limit: int) -> list[Chunk]:
    """Lists chunks that have no vector in a space, in the order of their ids."""
    found = select(
        db,
        "SELECT c.id FROM chunk c WHERE c.id > ? AND NOT EXISTS (SELECT 1 FROM chunk_vector v JOIN space s "
        "ON s.rid = v.space WHERE v.owner = c.rid AND s.model = ? AND s.dimensions = ?) "
        "ORDER BY c.id LIMIT ?",
        (after, space.model, space.dimensions, max(limit, 0)),
    )
    known = records.chunks(db, [i for (i,) in found])
    return [known[i] for (i,) in found]


def jobs(db: apsw.Connection, job_id: str | None) -> list[Job]:
    """Reads one job, or all, newest first."""
    found = select(
        db,
        "SELECT id, collection, kind, state, done, total, failed, message, created_at, updated_at FROM job "
        "WHERE ?1 IS NULL OR id = ?1 ORDER BY created_at DESC, seq DESC",
        (job_id,),
    )
    return [_job(row) for row in found]


def _job(row: Sequence[Any]) -> Job:
    i, collection, kind, state, done, total, failed, message, created_at, updated_at = row
    items = tuple(json.loads(failed))
    return Job(i, collection, kind, state, done, total, items, message, created_at, updated_at)
