"""Verifies that an embedded store is whole: the file, its references, its indexes, and its counts."""

# ruff: noqa: S608  only names from this file are pasted into statements

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from kag.knowledge_bases._sqlite_connection import connect_reader, connect_writer, select, transaction

_SHOWN = 5  # examples of what is wrong in one way

_ALL_FORMS = "SELECT rid FROM entity UNION SELECT rid FROM form"

# What must not be found, and what it means; each query gives ids or other short names.
_LAWS = (
    (
        "relations without support",
        "SELECT id FROM relation r WHERE NOT EXISTS (SELECT 1 FROM support s WHERE s.relation = r.rid)",
    ),
    (
        "relations with a wrong count of support",
        "SELECT id FROM relation r WHERE weight <> (SELECT count(*) FROM "
        "(SELECT DISTINCT chunk, start, stop, quote FROM support s WHERE s.relation = r.rid))",
    ),
    (
        "relations that no document states",
        "SELECT id FROM relation r "
        "WHERE NOT EXISTS (SELECT 1 FROM relation_source s WHERE s.relation = r.rid)",
    ),
    (
        "entities that no document states",
        "SELECT id FROM entity e WHERE NOT EXISTS (SELECT 1 FROM entity_source s WHERE s.entity = e.rid)",
    ),
    (
        "forms that no document states",
        "SELECT id FROM form f WHERE NOT EXISTS "
        "(SELECT 1 FROM entity_source s WHERE s.entity = f.entity AND s.form = f.rid)",
    ),
    (
        "statements about forms that are not there",
        f"SELECT form FROM entity_source WHERE form NOT IN ({_ALL_FORMS}) "
        f"UNION SELECT form FROM mention WHERE form NOT IN ({_ALL_FORMS})",
    ),
    (
        "keys and decisions of forms that are not there",
        f"SELECT form FROM form_key WHERE form NOT IN ({_ALL_FORMS}) UNION "
        f"SELECT first FROM decision WHERE first NOT IN ({_ALL_FORMS}) OR second NOT IN ({_ALL_FORMS}) UNION "
        f"SELECT first FROM near WHERE first NOT IN ({_ALL_FORMS}) OR second NOT IN ({_ALL_FORMS})",
    ),
    (
        "entities with a wrong count of chunks",
        "SELECT id FROM entity e "
        "WHERE degree <> (SELECT count(DISTINCT chunk) FROM mention m WHERE m.entity = e.rid)",
    ),
    (
        "chunks without their text",
        "SELECT id FROM chunk c WHERE NOT EXISTS (SELECT 1 FROM chunk_text t WHERE t.rid = c.rid)",
    ),
    (
        "documents without their text",
        "SELECT id FROM document d WHERE NOT EXISTS (SELECT 1 FROM document_text t WHERE t.document = d.rid)",
    ),
    (
        "chunks missing in the text index",
        "SELECT id FROM chunk WHERE rid NOT IN (SELECT id FROM chunk_fts_docsize)",
    ),
    (
        "entities missing in the text index",
        "SELECT id FROM entity WHERE rid NOT IN (SELECT id FROM entity_fts_docsize)",
    ),
    (
        "rows of the text index without a chunk",
        "SELECT id FROM chunk_fts_docsize WHERE id NOT IN (SELECT rid FROM chunk)",
    ),
    (
        "rows of the text index without an entity",
        "SELECT id FROM entity_fts_docsize WHERE id NOT IN (SELECT rid FROM entity)",
    ),
    (
        "rows of the index of characters without a chunk or entity",
        "SELECT id FROM chunk_trigram_docsize WHERE id NOT IN (SELECT rid FROM chunk) "
        "UNION ALL SELECT id FROM entity_trigram_docsize WHERE id NOT IN (SELECT rid FROM entity)",
    ),
    (
        "vectors of a wrong size",
        "SELECT v.seq FROM chunk_vector v JOIN space s ON s.rid = v.space "
        "WHERE length(v.data) <> 4 * s.dimensions UNION ALL SELECT v.seq FROM entity_vector v "
        "JOIN space s ON s.rid = v.space WHERE length(v.data) <> 4 * s.dimensions",
    ),
    (
        "vectors under another document than their chunk",
        "SELECT c.id FROM chunk_vector v JOIN chunk c ON c.rid = v.owner "
        "WHERE v.document <> c.document OR v.collection <> c.collection",
    ),
    ("spaces that are searched at once", "SELECT model FROM space WHERE current LIMIT -1 OFFSET 1"),
    (
        "counts that are wrong",
        """
        SELECT kind || ' ' || name FROM (
            SELECT collection, kind, name, n FROM tally WHERE n <> 0
            UNION ALL SELECT collection, 'document', '', -count(*) FROM document GROUP BY 1
            UNION ALL SELECT collection, 'chunk', '', -count(*) FROM chunk GROUP BY 1
            UNION ALL SELECT collection, 'entity', label, -count(*) FROM entity GROUP BY 1, 3
            UNION ALL SELECT collection, 'relation', type, -count(*) FROM relation GROUP BY 1, 3
            UNION ALL SELECT c.collection, 'mention', '', -count(*) FROM mention m
                JOIN chunk c ON c.rid = m.chunk GROUP BY 1
        ) GROUP BY collection, kind, name HAVING sum(n) <> 0""",
    ),
)
_INDEXES = ("chunk_fts", "entity_fts")


def check(path: Path, *, busy_seconds: float, write: bool) -> list[str]:
    """Names all that is wrong; the file first, and nothing more where that is damaged.

    Args:
        path: The store's file.
        busy_seconds: How long to wait for another process that writes.
        write: Compare the text indexes with their texts, word by word. SQLite takes that for a write, so it
            waits its turn and others wait for it, though nothing is changed.
    """
    # Connections of our own: one that has read an index before would take what others changed for damage.
    reader = connect_reader(path, busy_seconds=busy_seconds, strictly=True).db
    with closing(reader), transaction(reader):
        damage = [text for (text,) in select(reader, "PRAGMA integrity_check(20)") if text != "ok"]
        if damage:
            return [f"the file is damaged: {text}" for text in damage]
        wrong = [*_references(reader), *_broken_laws(reader)]
    if wrong or not write:
        return wrong
    writer = connect_writer(path, busy_seconds=busy_seconds, create=False)
    with closing(writer), transaction(writer, "IMMEDIATE"):
        return list(_strange_words(writer))


def _strange_words(db: apsw.Connection) -> Iterator[str]:
    for index in _INDEXES:
        try:
            db.execute(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
        except apsw.CorruptError:
            yield f"the text index {index} holds other words than the texts"


def _references(db: apsw.Connection) -> Iterator[str]:
    for table, row, parent, _ in select(db, "PRAGMA foreign_key_check")[:_SHOWN]:
        yield f"row {row} of {table} refers to a {parent} that is not there"


def _broken_laws(db: apsw.Connection) -> Iterator[str]:
    for what, query in _LAWS:
        found = [str(name) for (name,) in select(db, query)]
        if found:
            more = ", ..." if len(found) > _SHOWN else ""
            yield f"{len(found)} {what}: {', '.join(found[:_SHOWN])}{more}"
