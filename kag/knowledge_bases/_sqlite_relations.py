"""Writes one document's relations and their support; a relation goes with its last support."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import apsw

from kag.errors import StoreError
from kag.knowledge_bases._contribution import Contribution
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_merge import (
    differences,
    merged_description,
    move_property_votes,
    unstated,
    voted_properties,
)
from kag.knowledge_bases._sqlite_rows import Place, as_json, next_row


class RelationWrite:
    """The step from a document's old relations to its new ones, within one transaction.

    Args:
        db: The writing connection, in a transaction.
        place: The document and collection.
        old: What the document held.
        new: What it holds from now on.
    """

    def __init__(self, db: apsw.Connection, place: Place, old: Contribution, new: Contribution) -> None:
        self.db, self.place, self.old, self.new = db, place, old, new
        self.rows: dict[str, int] = {}
        self.created = self.merged = self.removed = 0
        self._weights = new.weights()
        self._weights.subtract(old.weights())
        self._lost: set[str] = set()
        self._gained: set[str] = set()
        self._views: dict[str, tuple[str, str]] = {}  # description, properties

    def run(self, entities: Mapping[str, int], chunks: Mapping[str, int]) -> None:
        """Does the whole step.

        Args:
            entities: Entity id to row.
            chunks: Chunk id to row, of old and new chunks.
        """
        self._read({**self.old.relations, **self.new.relations})
        fresh = [i for i in self.new.relations if i not in self.rows]
        self._create(fresh, entities)
        lost, gained = differences(self.old.relations, self.new.relations)
        self._lost, self._gained = set(lost), set(gained)
        grown = {*gained, *(i for i, n in self._weights.items() if n > 0)}
        self.created, self.merged = len(fresh), len(grown.intersection(self._views))
        self._write_sources(lost, gained)
        move_property_votes(self.db, self.old.relations, self.new.relations, lost, gained)
        self._write_support(chunks)
        gone = unstated(self.db, "relation", {self.rows[i]: i for i in lost if i not in self.new.relations})
        self._remove(gone)
        touched = {*lost, *gained, *(i for i, n in self._weights.items() if n)}
        self._rebuild([i for i in touched if i in self._views and i not in gone])

    def _read(self, ids: Iterable[str]) -> None:
        found = select(
            self.db,
            "SELECT r.id, r.rid, s.id, r.type, o.id, r.description, r.properties FROM json_each(?) j "
            "CROSS JOIN relation r ON r.id = j.value JOIN entity s ON s.rid = r.subject "
            "JOIN entity o ON o.rid = r.object",
            (as_json(ids),),
        )
        for i, rid, subject, type_, obj, description, properties in found:
            ends = (subject, type_, obj)
            if self.new.ends.get(i, ends) != ends:
                raise StoreError(
                    f"{i} is {ends} in the store and {self.new.ends[i]} in the change; "
                    "make ids with relation_id(subject_id, type, object_id). Nothing was written."
                )
            self.rows[i] = rid
            self.old.ends.setdefault(i, ends)
            self._views[i] = (description, properties)

    def _create(self, ids: list[str], entities: Mapping[str, int]) -> None:
        first = next_row(self.db, "relation")
        self.rows.update({i: first + n for n, i in enumerate(ids)})
        rows = []
        for i in ids:
            subject, type_, obj = self.new.ends[i]
            source = self.new.relations[i]
            head = (self.rows[i], i, self.place.collection, entities[subject], entities[obj], type_)
            rows.append((*head, source.description, source.properties, self._weights[i]))
            self.place.tally["relation", type_] += 1
        self.db.executemany("INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _write_sources(self, lost: list[str], gained: list[str]) -> None:
        document, rows = self.place.document, self.rows
        self.db.executemany(
            "DELETE FROM relation_source WHERE document = ? AND relation = ?",
            [(document, rows[i]) for i in lost],
        )
        said = self.new.relations
        self.db.executemany(
            "INSERT INTO relation_source VALUES (?, ?, ?, ?)",
            [(document, rows[i], said[i].description, said[i].properties) for i in gained],
        )

    def _write_support(self, chunks: Mapping[str, int]) -> None:
        rows = self.rows
        self.db.executemany(
            "DELETE FROM support WHERE relation = ? AND chunk = ? AND start = ? AND stop = ? AND quote = ?",
            [(rows[r], chunks[c], *rest) for r, c, *rest in self.old.support - self.new.support],
        )
        self.db.executemany(
            "INSERT INTO support(relation, chunk, start, stop, quote) VALUES (?, ?, ?, ?, ?)",
            sorted((rows[r], chunks[c], *rest) for r, c, *rest in self.new.support - self.old.support),
        )

    def _remove(self, ids: set[str]) -> None:
        self.removed = len(ids)
        self.db.executemany("DELETE FROM relation WHERE rid = ?", [(self.rows[i],) for i in ids])
        for i in ids:
            self.place.tally["relation", self.old.ends[i][1]] -= 1

    def _rebuild(self, ids: list[str]) -> None:
        """Writes the merged views that differ from what is stored."""
        properties = voted_properties(self.db, ids)
        rows = []
        for i in ids:
            view = (self._description(i), properties.get(i, "{}"))
            if view != self._views[i] or self._weights[i]:
                rows.append((*view, self._weights[i], self.rows[i]))
        self.db.executemany(
            "UPDATE relation SET description = ?, properties = ?, weight = weight + ? WHERE rid = ?", rows
        )

    def _description(self, i: str) -> str:
        return merged_description(
            self.db,
            "relation",
            self.rows[i],
            self._views[i][0],
            removed=self.old.relations[i].description if i in self._lost else None,
            added=self.new.relations[i].description if i in self._gained else None,
        )
