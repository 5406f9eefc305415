"""Writes one document's rows: reads what it held, and steps from there to what it holds from now on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import apsw

from kag.knowledge_bases._contribution import (
    ChunkRow,
    Contribution,
    EntitySource,
    MentionRow,
    RelationSource,
)
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_entities import EntityWrite
from kag.knowledge_bases._sqlite_links import splits_of
from kag.knowledge_bases._sqlite_relations import RelationWrite
from kag.knowledge_bases._sqlite_rows import Place, next_row, row_numbers
from kag.knowledge_bases._sqlite_vectors import delete_vectors


class DocumentStep:
    """The step from an old to a new contribution, in the order that keeps every reference whole.

    Args:
        db: The writing connection, in a transaction.
        place: The document and collection; its tally gets the counts that change.
        old: What the document held.
        new: What it holds from now on; empty to take all back.
        policies: How properties merge.
    """

    def __init__(
        self,
        db: apsw.Connection,
        place: Place,
        old: Contribution,
        new: Contribution,
        policies: Mapping[str, Mapping[str, Policy]],
    ) -> None:
        self.db, self.place, self.old, self.new = db, place, old, new
        self.created = [i for i in new.chunks if i not in old.chunks]
        self.removed = [i for i in old.chunks if i not in new.chunks]
        self.changed = [i for i in new.chunks if i in old.chunks and old.chunks[i] != new.chunks[i]]
        self.reworded = [i for i in self.changed if _words(old.chunks[i]) != _words(new.chunks[i])]
        self.chunks = row_numbers(db, "chunk", old.chunks)
        self.entities = EntityWrite(db, place, old, new, policies)
        self.relations = RelationWrite(db, place, old, new, policies)

    def run(self) -> None:
        """Does the whole step."""
        self._write_chunks()
        self.entities.begin()
        self.relations.run(self.entities, self.chunks)
        self._write_mentions()
        self.entities.finish()
        self._remove_chunks()
        self.place.tally["mention", ""] += len(self.new.mentions) - len(self.old.mentions)
        self.place.tally["chunk", ""] += len(self.created) - len(self.removed)

    def touched(self) -> set[int]:
        """Rows of the forms of which the document says something else now, or in other company."""
        old, new = self.old, self.new
        chunks = {row[0] for row in old.mentions ^ new.mentions}
        ids = {row[1] for row in (*old.mentions, *new.mentions) if row[0] in chunks}
        ids.update(i for i in {**old.entities, **new.entities} if old.entities.get(i) != new.entities.get(i))
        return {self.entities.rows[i] for i in ids | self.relations.touched()}

    def _write_chunks(self) -> None:
        first = next_row(self.db, "chunk")
        self.chunks.update({i: first + n for n, i in enumerate(self.created)})
        place = (self.place.document, self.place.collection)
        self.db.executemany(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self.chunks[i], i, *place, *_location(self.new.chunks[i])) for i in self.created],
        )
        self.db.executemany(
            "UPDATE chunk SET position = ?, start = ?, stop = ?, page = ?, headings = ? WHERE rid = ?",
            [(*_location(self.new.chunks[i]), self.chunks[i]) for i in self.changed],
        )
        self._unindex(self.reworded)
        self.db.executemany(
            "DELETE FROM chunk_text WHERE rid = ?", [(self.chunks[i],) for i in self.reworded]
        )
        texts = [(self.chunks[i], *_words(self.new.chunks[i])) for i in (*self.created, *self.reworded)]
        self.db.executemany("INSERT INTO chunk_text VALUES (?, ?, ?)", texts)
        self.db.executemany("INSERT INTO chunk_fts(rowid, text, context) VALUES (?, ?, ?)", texts)

    def _write_mentions(self) -> None:
        self.db.executemany(
            "DELETE FROM mention "
            "WHERE chunk = ? AND entity = ? AND form = ? AND start = ? AND stop = ? AND kind = ?",
            self._mentions(self.old.mentions - self.new.mentions),
        )
        self.db.executemany(
            "INSERT INTO mention VALUES (?, ?, ?, ?, ?, ?)",
            self._mentions(self.new.mentions - self.old.mentions),
        )

    def _mentions(self, rows: Iterable[MentionRow]) -> list[tuple[int, ...]]:
        chunks, forms, shown = self.chunks, self.entities.rows, self.entities.shown
        return sorted((chunks[c], shown[forms[f]], forms[f], *rest) for c, f, *rest in rows)

    def _remove_chunks(self) -> None:
        self._unindex(self.removed)
        rows = [self.chunks[i] for i in self.removed]
        delete_vectors(self.db, "chunk", rows)
        self.db.executemany("DELETE FROM chunk WHERE rid = ?", [(row,) for row in rows])

    def _unindex(self, ids: Iterable[str]) -> None:
        """Takes chunks out of the text index, which must be told the words that it held for them."""
        self.db.executemany(
            "INSERT INTO chunk_fts(chunk_fts, rowid, text, context) VALUES ('delete', ?, ?, ?)",
            [(self.chunks[i], *_words(self.old.chunks[i])) for i in ids],
        )


def held_by(db: apsw.Connection, document: int) -> Contribution:
    """Reads what a document holds in the graph."""
    chunks = select(
        db,
        "SELECT c.id, c.position, c.start, c.stop, c.page, c.headings, t.text, t.context "
        "FROM chunk c JOIN chunk_text t ON t.rid = c.rid WHERE c.document = ?",
        (document,),
    )
    forms = dict(_forms(db, document))
    facts = dict(_facts(db, document))
    mentions = select(
        db,
        "SELECT c.id, m.form, m.start, m.stop, m.kind FROM chunk c "
        "CROSS JOIN mention m ON m.chunk = c.rid WHERE c.document = ?",
        (document,),
    )
    support = select(
        db,
        "SELECT s.form, c.id, s.start, s.stop, s.quote FROM chunk c "
        "CROSS JOIN support s ON s.chunk = c.rid WHERE c.document = ?",
        (document,),
    )
    return Contribution(
        chunks={i: ChunkRow(*row) for i, *row in chunks},
        entities={forms[form][0]: source for form, source in _entity_sources(db, document)},
        relations={facts[fact][0]: source for fact, source in _relation_sources(db, document)},
        mentions={(chunk, forms[form][0], *rest) for chunk, form, *rest in mentions},
        support={(facts[fact][0], *rest) for fact, *rest in support},
        labels=dict(forms.values()),
        ends={i: (forms[s][0], type_, forms[o][0]) for i, s, type_, o in facts.values()},
    )


def _entity_sources(db: apsw.Connection, document: int) -> Iterator[tuple[int, EntitySource]]:
    """What a document says of forms, by their rows."""
    sql = (
        "SELECT s.form, s.name, s.aliases, s.description, s.properties FROM entity_source s "
        "WHERE s.document = ?"
    )
    for form, name, aliases, *rest in select(db, sql, (document,)):
        yield form, EntitySource(name, tuple(json.loads(aliases)), *rest)


def _relation_sources(db: apsw.Connection, document: int) -> Iterator[tuple[int, RelationSource]]:
    """What a document says of relations, by the rows of what it contributes."""
    sql = "SELECT s.form, s.description, s.properties FROM relation_source s WHERE s.document = ?"
    yield from ((fact, RelationSource(*row)) for fact, *row in select(db, sql, (document,)))


def contributed(db: apsw.Connection, document: int) -> Contribution:
    """What a document contributes, under the ids that it was written with, whatever links split off it."""
    (name,) = select(db, "SELECT id FROM document WHERE rid = ?", (document,))[0]
    return held_by(db, document).renamed({other: form for form, other in splits_of(db, name).items()})


def _forms(db: apsw.Connection, document: int) -> Iterator[tuple[int, tuple[str, str]]]:
    """The forms that a document contributes: row to id and label."""
    sql = (
        "SELECT e.rid, e.id, e.label FROM entity_source s CROSS JOIN {} e ON e.rid = s.form "
        "WHERE s.document = ?"
    )
    for table in ("entity", "form"):
        yield from ((row, (i, label)) for row, i, label in select(db, sql.format(table), (document,)))


def _facts(db: apsw.Connection, document: int) -> Iterator[tuple[int, tuple[str, int, str, int]]]:
    """The relations that a document contributes: row to id, subject's form, type and object's form."""
    sql = (
        "SELECT r.rid, r.id, r.subject, r.type, r.object FROM relation_source s "
        "CROSS JOIN {} r ON r.rid = s.form WHERE s.document = ?"
    )
    for table in ("relation", "relation_form"):
        yield from ((row, (i, s, t, o)) for row, i, s, t, o in select(db, sql.format(table), (document,)))


def _location(row: ChunkRow) -> tuple[int, int, int, int | None, str]:
    return (row.position, row.start, row.stop, row.page, row.headings)


def _words(row: ChunkRow) -> tuple[str, str]:
    return (row.text, row.context)
