"""Writes one document's relations and their support; a relation goes with its last support.

A relation is shown between the entities that its ends are part of; what documents say between forms of the
same two entities is one relation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import apsw

from kag.errors import StoreError
from kag.knowledge_bases._contribution import Contribution
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_entities import EntityWrite
from kag.knowledge_bases._sqlite_merge import (
    differences,
    merged_description,
    move_property_votes,
    unstated,
    voted_properties,
)
from kag.knowledge_bases._sqlite_rows import Place, as_json, next_row
from kag.knowledge_bases.records import relation_id

_KNOWN = """
SELECT r.id, r.rid, r.rid, s.id, r.type, o.id FROM json_each(?1) j CROSS JOIN relation r ON r.id = j.value
    CROSS JOIN entity s ON s.rid = r.subject CROSS JOIN entity o ON o.rid = r.object
UNION ALL
SELECT r.id, r.rid, r.relation, coalesce(s.id, x.id), r.type, coalesce(o.id, y.id)
    FROM json_each(?1) j CROSS JOIN relation_form r ON r.id = j.value
    LEFT JOIN entity s ON s.rid = r.subject LEFT JOIN form x ON x.rid = r.subject
    LEFT JOIN entity o ON o.rid = r.object LEFT JOIN form y ON y.rid = r.object
"""


_Made = tuple[int, str, int, int, int, str]  # row, id, collection, subject, object, type


class RelationWrite:
    """The step from a document's old relations to its new ones, within one transaction.

    Args:
        db: The writing connection, in a transaction.
        place: The document and collection.
        old: What the document held.
        new: What it holds from now on.
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
        self.db, self.place, self.old, self.new, self.policies = db, place, old, new, policies
        self.rows: dict[str, int] = {}
        self.shown: dict[int, int] = {}  # what is contributed to where it is shown; below 0: nowhere
        self.created = self.merged = self.removed = 0
        self._next = 0
        self._made: dict[int, _Made] = {}
        self._weights: Counter[int] = Counter()
        self._views: dict[int, tuple[str, str, str, str]] = {}  # id, type, description, properties
        self._lost: list[str] = []
        self._gained: list[str] = []

    def run(self, entities: EntityWrite, chunks: Mapping[str, int]) -> None:
        """Does the whole step.

        Args:
            entities: The document's entities, begun.
            chunks: Chunk id to row, of old and new chunks.
        """
        self._read({**self.old.relations, **self.new.relations})
        self._assign([i for i in self.new.relations if i not in self.rows], entities)
        self._lost, self._gained = differences(self.old.relations, self.new.relations)
        self._weights = self._counted(self.new)
        self._weights.subtract(self._counted(self.old))
        several = self._create()
        grown = {self.shown[self.rows[i]] for i in self._gained}
        grown.update(row for row, n in self._weights.items() if n > 0)
        self.created, self.merged = len(self._made), len(grown & self._views.keys() - self._made.keys())
        self._write_sources()
        move_property_votes(self.db, self.old.relations, self.new.relations, self._lost, self._gained)
        self._write_support(chunks)
        gone = self._remove()
        touched = {self.shown[self.rows[i]] for i in (*self._lost, *self._gained)}
        touched.update(row for row, n in self._weights.items() if n)
        self._rebuild([row for row in touched if row in self._views and row not in gone], several)

    def touched(self) -> set[str]:
        """Ids of the forms whose relations differ now."""
        ends = {**self.old.ends, **self.new.ends}
        return {end for i in {*self._lost, *self._gained} for end in (ends[i][0], ends[i][2])}

    def _counted(self, contribution: Contribution) -> Counter[int]:
        """How much support each shown relation has, by row; the same quote counts once."""
        said = {(self.shown[self.rows[row[0]]], row[1:]) for row in contribution.support}
        return Counter(row for row, _ in said)

    def _read(self, ids: Iterable[str]) -> None:
        for i, rid, shown, *ends in select(self.db, _KNOWN, (as_json(ids),)):
            known = (ends[0], ends[1], ends[2])
            if self.new.ends.get(i, known) != known:
                raise StoreError(
                    f"{i} is {known} in the store and {self.new.ends[i]} in the change; "
                    "make ids with relation_id(subject_id, type, object_id). Nothing was written."
                )
            self.rows[i], self.shown[rid] = rid, shown
            self.old.ends.setdefault(i, known)
        self._read_views(self.shown.values())

    def _read_views(self, rows: Iterable[int]) -> None:
        sql = (
            "SELECT r.rid, r.id, r.type, r.description, r.properties FROM json_each(?) j "
            "CROSS JOIN relation r ON r.rid = j.value"
        )
        self._views.update((row, (i, t, d, p)) for row, i, t, d, p in select(self.db, sql, (as_json(rows),)))

    def _assign(self, ids: list[str], entities: EntityWrite) -> None:
        """Gives rows to what is contributed for the first time, and to what it is shown as."""
        if not ids:
            return
        self._next = next_row(self.db, "relation")
        moved = []
        for i in ids:
            subject, _, obj = self.new.ends[i]
            ends = entities.rows[subject], entities.rows[obj]
            shown = entities.shown[ends[0]], entities.shown[ends[1]]
            if ends == shown:
                self.rows[i] = self._make(i, i, shown)
                self.shown[self.rows[i]] = self.rows[i]
            else:
                moved.append((i, ends, shown))
        if moved:
            self._assign_moved(moved)

    def _assign_moved(self, moved: list[tuple[str, tuple[int, int], tuple[int, int]]]) -> None:
        """The same for relations of forms that are shown as part of another entity."""
        heads = entity_ids(self.db, {row for _, _, shown in moved for row in shown})
        types = {i: self.new.ends[i][1] for i, _, _ in moved}
        targets = {i: relation_id(heads[s[0]], types[i], heads[s[1]]) for i, _, s in moved}
        known = shown_relations(self.db, set(targets.values()))
        self._read_views(known.values())
        known.update((row[1], row[0]) for row in self._made.values())
        hidden = []
        for i, ends, shown in moved:
            rid, self._next = self._next, self._next + 1
            if shown[0] == shown[1] and ends[0] != ends[1]:
                place = -rid
            elif targets[i] in known:
                place = known[targets[i]]
            else:
                place = known[targets[i]] = self._make(targets[i], i, shown)
            self.rows[i], self.shown[rid] = rid, place
            hidden.append((rid, i, self.place.collection, *ends, types[i], place))
        self.db.executemany("INSERT INTO relation_form VALUES (?, ?, ?, ?, ?, ?, ?)", hidden)

    def _make(self, shown_id: str, contributed: str, ends: tuple[int, int]) -> int:
        row, self._next = self._next, self._next + 1
        type_ = self.new.ends[contributed][1]
        self._made[row] = (row, shown_id, self.place.collection, *ends, type_)
        self.place.tally["relation", type_] += 1
        return row

    def _create(self) -> set[int]:
        """Writes the rows that are new, and returns those whose view several contributions make."""
        members: dict[int, list[str]] = {}
        for i in self.new.relations:
            if self.shown[self.rows[i]] in self._made:
                members.setdefault(self.shown[self.rows[i]], []).append(i)
        several = {row for row, ids in members.items() if len(ids) > 1}
        rows = []
        for row, made in self._made.items():
            source = self.new.relations[members[row][0]]
            view = ("", "{}") if row in several else (source.description, source.properties)
            weight = 0 if row in several else self._weights[row]
            rows.append((*made, *view, weight))
            if row in several:
                self._views[row] = (made[1], made[5], *view)
        self.db.executemany("INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return several

    def _write_sources(self) -> None:
        document, rows = self.place.document, self.rows
        self.db.executemany(
            "DELETE FROM relation_source WHERE document = ? AND form = ?",
            [(document, rows[i]) for i in self._lost],
        )
        said = self.new.relations
        self.db.executemany(
            "INSERT INTO relation_source VALUES (?, ?, ?, ?, ?)",
            [
                (document, rows[i], self.shown[rows[i]], said[i].description, said[i].properties)
                for i in self._gained
            ],
        )

    def _write_support(self, chunks: Mapping[str, int]) -> None:
        rows = self.rows
        self.db.executemany(
            "DELETE FROM support WHERE chunk = ? AND form = ? AND start = ? AND stop = ? AND quote = ?",
            [(chunks[c], rows[r], *rest) for r, c, *rest in self.old.support - self.new.support],
        )
        self.db.executemany(
            "INSERT INTO support(relation, form, chunk, start, stop, quote) VALUES (?, ?, ?, ?, ?, ?)",
            sorted(
                (self.shown[rows[r]], rows[r], chunks[c], *rest)
                for r, c, *rest in self.new.support - self.old.support
            ),
        )

    def _remove(self) -> set[int]:
        """Removes what nothing states any more; returns the rows that are shown no more."""
        lost = {self.rows[i]: self.shown[self.rows[i]] for i in self._lost if i not in self.new.relations}
        hidden = unstated(self.db, "relation", lost)
        self.db.executemany("DELETE FROM relation_form WHERE rid = ?", [(row,) for row in hidden])
        gone = remove_unstated_relations(self.db, self.place, {row for row in lost.values() if row > 0})
        self.removed = len(gone)
        return gone

    def _rebuild(self, rows: list[int], several: set[int]) -> None:
        """Writes the merged views that differ from what is stored."""
        heads = [(row, *self._views[row][:2]) for row in rows]
        properties = voted_properties(self.db, "relation", heads, self.policies)
        removed, added = self._descriptions()
        views = []
        for row in rows:
            said = merged_description(
                self.db,
                "relation",
                row,
                self._views[row][2],
                removed=removed.get(row, ()),
                added=added.get(row, ()),
            )
            view = (said, properties.get(row, "{}"))
            if row in several or view != self._views[row][2:] or self._weights[row]:
                views.append((*view, self._weights[row], row))
        self.db.executemany(
            "UPDATE relation SET description = ?, properties = ?, weight = weight + ? WHERE rid = ?", views
        )

    def _descriptions(self) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
        """What the document said and what it says of each relation, where that differs."""
        found: tuple[dict[int, set[str]], dict[int, set[str]]] = ({}, {})
        both = ((self._lost, self.old.relations), (self._gained, self.new.relations))
        for (ids, sources), into in zip(both, found, strict=True):
            for i in ids:
                into.setdefault(self.shown[self.rows[i]], set()).add(sources[i].description)
        return found


def entity_ids(db: apsw.Connection, rows: Iterable[int]) -> dict[int, str]:
    """The ids of entities by their rows."""
    sql = "SELECT e.rid, e.id FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value"
    return dict(select(db, sql, (as_json(rows),)))


def shown_relations(db: apsw.Connection, ids: Iterable[str]) -> dict[str, int]:
    """The rows of relations that are shown, by id."""
    sql = "SELECT r.id, r.rid FROM json_each(?) j CROSS JOIN relation r ON r.id = j.value"
    return dict(select(db, sql, (as_json(ids),)))


def remove_unstated_relations(db: apsw.Connection, place: Place, rows: Iterable[int]) -> set[int]:
    """Removes the relations that no document states any more, and returns their rows."""
    found = select(
        db,
        "SELECT r.rid, r.type FROM json_each(?) j CROSS JOIN relation r ON r.rid = j.value "
        "WHERE NOT EXISTS (SELECT 1 FROM relation_source s WHERE s.relation = r.rid)",
        (as_json(rows),),
    )
    db.executemany("DELETE FROM relation WHERE rid = ?", [(row,) for row, _ in found])
    for _, type_ in found:
        place.tally["relation", type_] -= 1
    return {row for row, _ in found}
