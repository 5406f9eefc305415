"""Writes one document's rows: reads what it held, and steps from there to what it holds from now on."""

from __future__ import annotations

import json
from collections.abc import Iterable

import apsw

from kag.knowledge_bases._contribution import ChunkRow, Contribution, EntitySource, RelationSource
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_entities import EntityWrite
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
    """

    def __init__(self, db: apsw.Connection, place: Place, old: Contribution, new: Contribution) -> None:
        self.db, self.place, self.old, self.new = db, place, old, new
        self.created = [i for i in new.chunks if i not in old.chunks]
        self.removed = [i for i in old.chunks if i not in new.chunks]
        self.changed = [i for i in new.chunks if i in old.chunks and old.chunks[i] != new.chunks[i]]
        self.reworded = [i for i in self.changed if _words(old.chunks[i]) != _words(new.chunks[i])]
        self.chunks = row_numbers(db, "chunk", old.chunks)
        self.entities = EntityWrite(db, place, old, new)
        self.relations = RelationWrite(db, place, old, new)

    def run(self) -> None:
        """Does the whole step."""
        self._write_chunks()
        self.entities.begin()
        self.relations.run(self.entities.rows, self.chunks)
        self._write_mentions()
        self.entities.finish()
        self._remove_chunks()
        self.place.tally["mention", ""] += len(self.new.mentions) - len(self.old.mentions)
        self.place.tally["chunk", ""] += len(self.created) - len(self.removed)

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
        chunks, entities = self.chunks, self.entities.rows
        self.db.executemany(
            "DELETE FROM mention WHERE chunk = ? AND entity = ? AND start = ? AND stop = ? AND kind = ?",
            [(chunks[c], entities[e], *rest) for c, e, *rest in self.old.mentions - self.new.mentions],
        )
        self.db.executemany(
            "INSERT INTO mention VALUES (?, ?, ?, ?, ?)",
            sorted((chunks[c], entities[e], *rest) for c, e, *rest in self.new.mentions - self.old.mentions),
        )

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
    entities = select(
        db,
        "SELECT e.id, s.name, s.aliases, s.description, s.properties "
        "FROM entity_source s CROSS JOIN entity e ON e.rid = s.entity WHERE s.document = ?",
        (document,),
    )
    relations = select(
        db,
        "SELECT r.id, s.description, s.properties "
        "FROM relation_source s CROSS JOIN relation r ON r.rid = s.relation WHERE s.document = ?",
        (document,),
    )
    mentions = select(
        db,
        "SELECT c.id, e.id, m.start, m.stop, m.kind FROM chunk c CROSS JOIN mention m ON m.chunk = c.rid "
        "CROSS JOIN entity e ON e.rid = m.entity WHERE c.document = ?",
        (document,),
    )
    support = select(
        db,
        "SELECT r.id, c.id, s.start, s.stop, s.quote FROM chunk c CROSS JOIN support s ON s.chunk = c.rid "
        "CROSS JOIN relation r ON r.rid = s.relation WHERE c.document = ?",
        (document,),
    )
    return Contribution(
        chunks={i: ChunkRow(*row) for i, *row in chunks},
        entities={i: EntitySource(name, tuple(json.loads(a)), *rest) for i, name, a, *rest in entities},
        relations={i: RelationSource(*row) for i, *row in relations},
        mentions=set(mentions),
        support=set(support),
    )


def _location(row: ChunkRow) -> tuple[int, int, int, int | None, str]:
    return (row.position, row.start, row.stop, row.page, row.headings)


def _words(row: ChunkRow) -> tuple[str, str]:
    return (row.text, row.context)
