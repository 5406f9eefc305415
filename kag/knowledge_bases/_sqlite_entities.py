"""Writes one document's entities: sources, votes, and the merged view that follows from all sources."""

from __future__ import annotations

import json
from collections.abc import Iterable

import apsw

from kag.errors import StoreError
from kag.knowledge_bases._contribution import ALIAS_SEPARATOR, Contribution, EntitySource
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_merge import (
    differences,
    merged_description,
    move_property_votes,
    unstated,
    voted_properties,
)
from kag.knowledge_bases._sqlite_rows import Place, as_json, next_row
from kag.knowledge_bases._sqlite_vectors import delete_vectors
from kag.knowledge_bases._values import most_voted
from kag.knowledge_bases.records import normalise

_Words = tuple[int, str, str, str]  # row, name, aliases, description
_View = tuple[str, str, str, str]  # name, aliases, description, properties, as stored


class EntityWrite:
    """The step from a document's old entities to its new ones, within one transaction.

    `begin` writes the rows that mentions and relations point to; `finish` runs when those are written,
    removes what nothing states any more and brings the merged views up to date.

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
        self._degrees = new.degrees()
        self._degrees.subtract(old.degrees())
        self._lost: set[str] = set()
        self._gained: set[str] = set()
        self._views: dict[str, _View] = {}

    def begin(self) -> None:
        """Finds or makes the rows, and writes what the document says of them."""
        self._read({**self.old.entities, **self.new.entities})
        fresh = [i for i in self.new.entities if i not in self.rows]
        self._create(fresh)
        lost, gained = differences(self.old.entities, self.new.entities)
        self._lost, self._gained = set(lost), {i for i in gained if i in self._views}
        self.created, self.merged = len(fresh), len(self._gained)
        self._write_sources(lost, gained)
        self._vote_names(lost, gained)
        move_property_votes(self.db, self.old.entities, self.new.entities, lost, gained)

    def finish(self) -> None:
        """Removes the entities that nothing states any more, and rebuilds the views of the others."""
        candidates = {self.rows[i]: i for i in self._lost if i not in self.new.entities}
        gone = unstated(self.db, "entity", candidates)
        self._remove(gone)
        touched = {*self._lost, *self._gained, *(i for i, n in self._degrees.items() if n)}
        self._rebuild([i for i in touched if i in self._views and i not in gone])

    def _read(self, ids: Iterable[str]) -> None:
        """Reads rows and views as they are now, and refuses another label or collection under a known id."""
        found = select(
            self.db,
            "SELECT e.id, e.rid, e.collection, e.label, e.name, e.aliases, e.description, e.properties "
            "FROM json_each(?) j CROSS JOIN entity e ON e.id = j.value",
            (as_json(ids),),
        )
        for i, rid, collection, label, *view in found:
            expected = self.new.labels.get(i, label)
            if collection != self.place.collection or label != expected:
                raise StoreError(
                    f"{i} is a {label!r} in the store and a {expected!r} in the change, or is of another "
                    "collection; make ids with entity_id(collection, label, name). Nothing was written."
                )
            self.rows[i] = rid
            self.old.labels.setdefault(i, label)
            self._views[i] = (view[0], view[1], view[2], view[3])

    def _create(self, ids: list[str]) -> None:
        """Makes new rows; with one source the merged view is that source."""
        first = next_row(self.db, "entity")
        self.rows.update({i: first + n for n, i in enumerate(ids)})
        rows, texts = [], []
        for i in ids:
            source, label = self.new.entities[i], self.new.labels[i]
            words = (source.name, ALIAS_SEPARATOR.join(source.aliases), source.description)
            texts.append((self.rows[i], *words))
            head = (self.rows[i], i, self.place.collection, label)
            rows.append((*head, *words, source.properties, self._degrees[i]))
            self.place.tally["entity", label] += 1
        self.db.executemany("INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._index(texts)

    def _write_sources(self, lost: list[str], gained: list[str]) -> None:
        document, rows = self.place.document, self.rows
        self.db.executemany(
            "DELETE FROM entity_source WHERE document = ? AND entity = ?", [(document, rows[i]) for i in lost]
        )
        self.db.executemany(
            "INSERT INTO entity_source VALUES (?, ?, ?, ?, ?, ?)",
            [(document, rows[i], *_stored(self.new.entities[i])) for i in gained],
        )

    def _vote_names(self, lost: list[str], gained: list[str]) -> None:
        """Takes back the votes for the forms that were said, and counts those that are said."""
        names: dict[tuple[int, str], list[int]] = {}
        for ids, sources, vote in ((lost, self.old.entities, -1), (gained, self.new.entities, 1)):
            for i in ids:
                source, rid = sources[i], self.rows[i]
                names.setdefault((rid, source.name), [0, 0])[0] += vote
                for alias in source.aliases:
                    names.setdefault((rid, alias), [0, 0])[1] += vote
        self.db.executemany(
            "INSERT INTO entity_name VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET shown = shown + excluded.shown, listed = listed + excluded.listed",
            [(rid, name, normalise(name), *votes) for (rid, name), votes in names.items() if any(votes)],
        )
        self.db.execute(
            "DELETE FROM entity_name WHERE shown = 0 AND listed = 0 "
            "AND entity IN (SELECT value FROM json_each(?))",
            (as_json(self.rows[i] for i in lost),),
        )

    def _remove(self, ids: set[str]) -> None:
        self.removed = len(ids)
        self._unindex([(self.rows[i], *self._views[i][:3]) for i in ids])
        delete_vectors(self.db, "entity", [self.rows[i] for i in ids])
        self.db.executemany("DELETE FROM entity WHERE rid = ?", [(self.rows[i],) for i in ids])
        for i in ids:
            self.place.tally["entity", self.old.labels[i]] -= 1

    def _rebuild(self, ids: list[str]) -> None:
        """Writes the merged views that differ from what is stored."""
        names = self._name_votes(ids)
        properties = voted_properties(self.db, ids)
        rows, reworded = [], []
        for i in ids:
            rid = self.rows[i]
            name = most_voted(names[rid])
            aliases = ALIAS_SEPARATOR.join(sorted(form for form in names[rid] if form != name))
            view = (name, aliases, self._description(i), properties.get(i, "{}"))
            if view[:3] != self._views[i][:3]:
                reworded.append((rid, *view[:3]))
            if view != self._views[i] or self._degrees[i]:
                rows.append((*view, self._degrees[i], rid))
        old = {self.rows[i]: self._views[i][:3] for i in ids}
        self._unindex([(rid, *old[rid]) for rid, *_ in reworded])
        self.db.executemany(
            "UPDATE entity SET name = ?, aliases = ?, description = ?, properties = ?, degree = degree + ? "
            "WHERE rid = ?",
            rows,
        )
        self._index(reworded)

    def _index(self, texts: list[_Words]) -> None:
        self.db.executemany(
            "INSERT INTO entity_fts(rowid, name, aliases, description) VALUES (?, ?, ?, ?)", texts
        )

    def _unindex(self, texts: list[_Words]) -> None:
        """Takes entities out of the text index, which must be told the words that it held for them."""
        self.db.executemany(
            "INSERT INTO entity_fts(entity_fts, rowid, name, aliases, description) "
            "VALUES ('delete', ?, ?, ?, ?)",
            texts,
        )

    def _name_votes(self, ids: list[str]) -> dict[int, dict[str, int]]:
        votes: dict[int, dict[str, int]] = {self.rows[i]: {} for i in ids}
        found = select(
            self.db,
            "SELECT n.entity, n.name, n.shown FROM json_each(?) j "
            "CROSS JOIN entity_name n ON n.entity = j.value",
            (as_json(votes),),
        )
        for rid, name, shown in found:
            votes[rid][name] = shown
        return votes

    def _description(self, i: str) -> str:
        return merged_description(
            self.db,
            "entity",
            self.rows[i],
            self._views[i][2],
            removed=self.old.entities[i].description if i in self._lost else None,
            added=self.new.entities[i].description if i in self._gained else None,
        )


def _stored(source: EntitySource) -> tuple[str, str, str, str]:
    return (
        source.name,
        json.dumps(source.aliases, ensure_ascii=False),
        source.description,
        source.properties,
    )
