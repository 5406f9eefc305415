"""Writes one document's entities: sources, votes, and the merged view that follows from all sources."""

# ruff: noqa: S608  only names from this file are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

import apsw

from kag.errors import StoreError
from kag.knowledge_bases._contribution import ALIAS_SEPARATOR, Contribution, EntitySource
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_merge import (
    differences,
    merged_description,
    move_property_votes,
    voted_properties,
)
from kag.knowledge_bases._sqlite_rows import Place, as_json, next_row, shown_rows
from kag.knowledge_bases._values import most_voted
from kag.knowledge_bases.records import normalise

_Words = tuple[int, str, str, str]  # row, name, aliases, description
_View = tuple[str, str, str, str]  # name, aliases, description, properties, as stored


class EntityWrite:
    """The step from a document's old entities to its new ones, within one transaction.

    `begin` writes the rows that mentions and relations point to; `finish` runs when those are written and
    brings the merged views up to date. Resolution then removes the forms that nothing states any more.

    Args:
        db: The writing connection, in a transaction.
        place: The document and collection.
        old: What the document held.
        new: What it holds from now on.
        policies: How properties merge.

    Attributes:
        rows: Id to the form's row.
        shown: The form's row to the row of the entity that it is part of, as of before this step.
        fresh: Rows of the forms that this step made.
        reworded: Rows of the forms whose names or properties may be others now.
        doubtful: Rows of the forms that this document states no more.
        gained: Rows of the entities that this document says something new of.
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
        self.shown: dict[int, int] = {}
        self.fresh: set[int] = set()
        self.reworded: set[int] = set()
        self.doubtful: set[int] = set()
        self.gained: set[int] = set()
        self._compound: set[int] = set()  # entities of several forms
        self._heads: dict[int, tuple[str, str]] = {}  # id and label
        self._views: dict[int, _View] = {}
        self._degrees: Counter[int] = Counter()
        self._differences: tuple[list[str], list[str]] = ([], [])

    def begin(self) -> None:
        """Finds or makes the rows, and writes what the document says of them."""
        self._read({**self.old.entities, **self.new.entities})
        fresh = [i for i in self.new.entities if i not in self.rows]
        first = next_row(self.db, "entity")
        self.rows.update({i: first + n for n, i in enumerate(fresh)})
        self.fresh = {self.rows[i] for i in fresh}
        self.shown.update((row, row) for row in self.fresh)
        self._degrees = self._counted(self.new)
        self._degrees.subtract(self._counted(self.old))
        self._create(fresh)
        lost, gained = self._differences = differences(self.old.entities, self.new.entities)
        self.doubtful = {self.rows[i] for i in lost if i not in self.new.entities}
        self.gained = {self.shown[self.rows[i]] for i in gained}
        self._write_sources(lost, gained)
        self._vote_names(lost, gained)
        move_property_votes(self.db, self.old.entities, self.new.entities, lost, gained)

    def finish(self) -> None:
        """Rebuilds the views of the entities that were there before and are touched."""
        lost, gained = self._differences
        said = {self.rows[i] for i in (*lost, *gained)}
        self.reworded = {row for row in said if self.shown[row] in self._compound}
        touched = {self.shown[row] for row in said} | {row for row, n in self._degrees.items() if n}
        self._rebuild([row for row in touched if row not in self.fresh])

    def outcome(self) -> tuple[int, int]:
        """How many entities are new, and how many known ones are added to; for when resolution is done."""
        gained = set(shown_rows(self.db, {self.rows[i] for i in self._differences[1]}).values())
        sql = "SELECT f.entity, f.rid FROM json_each(?) j CROSS JOIN form f ON f.entity = j.value"
        hidden = select(self.db, sql, (as_json(gained),))
        known = {row for row in gained if row not in self.fresh}
        known |= {row for row, form in hidden if form not in self.fresh}
        return len(gained - known), len(known)

    def _counted(self, contribution: Contribution) -> Counter[int]:
        """How many chunks mention each entity, by row."""
        pairs = {(chunk, self.shown[self.rows[form]]) for chunk, form, *_ in contribution.mentions}
        return Counter(row for _, row in pairs)

    def _read(self, ids: Iterable[str]) -> None:
        """Reads rows and views as they are now, and refuses another label or collection under a known id."""
        packed = as_json(ids)
        columns = "e.rid, e.id, e.label, e.name, e.aliases, e.description, e.properties, "
        columns += "EXISTS (SELECT 1 FROM form x WHERE x.entity = e.rid)"
        found = select(
            self.db,
            f"SELECT e.id, e.rid, e.collection, e.label, {columns} "
            "FROM json_each(?) j CROSS JOIN entity e ON e.id = j.value UNION ALL "
            f"SELECT f.id, f.rid, f.collection, f.label, {columns} "
            "FROM json_each(?) j CROSS JOIN form f ON f.id = j.value "
            "CROSS JOIN entity e ON e.rid = f.entity",
            (packed, packed),
        )
        for i, rid, collection, label, *entity in found:
            expected = self.new.labels.get(i, label)
            if collection != self.place.collection or label != expected:
                raise StoreError(
                    f"{i} is a {label!r} in the store and a {expected!r} in the change, or is of another "
                    "collection; make ids with entity_id(collection, label, name). Nothing was written."
                )
            self._known(i, rid, label, entity)

    def _known(self, i: str, rid: int, label: str, entity: list[str | int]) -> None:
        row, head, shown_label, *view, compound = entity
        self.rows[i], self.shown[rid] = rid, int(row)
        self.old.labels.setdefault(i, label)
        self._heads[int(row)] = (str(head), str(shown_label))
        name, aliases, description, properties = map(str, view)
        self._views[int(row)] = (name, aliases, description, properties)
        if compound:
            self._compound.add(int(row))

    def _create(self, ids: list[str]) -> None:
        """Makes new rows; with one source the merged view is that source."""
        rows, texts = [], []
        for i in ids:
            source, label = self.new.entities[i], self.new.labels[i]
            words = (source.name, ALIAS_SEPARATOR.join(source.aliases), source.description)
            texts.append((self.rows[i], *words))
            head = (self.rows[i], i, self.place.collection, label)
            rows.append((*head, *words, source.properties, self._degrees[self.rows[i]]))
            self.place.tally["entity", label] += 1
        self.db.executemany("INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        index_words(self.db, texts)

    def _write_sources(self, lost: list[str], gained: list[str]) -> None:
        document, rows = self.place.document, self.rows
        self.db.executemany(
            "DELETE FROM entity_source WHERE document = ? AND form = ?", [(document, rows[i]) for i in lost]
        )
        self.db.executemany(
            "INSERT INTO entity_source VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(document, rows[i], self.shown[rows[i]], *_stored(self.new.entities[i])) for i in gained],
        )

    def _vote_names(self, lost: list[str], gained: list[str]) -> None:
        """Takes back the votes for the names that were said, and counts those that are said."""
        names: dict[tuple[int, str], list[int]] = {}
        for ids, sources, vote in ((lost, self.old.entities, -1), (gained, self.new.entities, 1)):
            for i in ids:
                source, rid = sources[i], self.rows[i]
                names.setdefault((rid, source.name), [0, 0])[0] += vote
                for alias in source.aliases:
                    names.setdefault((rid, alias), [0, 0])[1] += vote
        self.db.executemany(
            "INSERT INTO entity_name VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET shown = shown + excluded.shown, listed = listed + excluded.listed",
            [
                (self.shown[rid], rid, name, normalise(name), *votes)
                for (rid, name), votes in names.items()
                if any(votes)
            ],
        )
        self.db.execute(
            "DELETE FROM entity_name WHERE shown = 0 AND listed = 0 "
            "AND entity IN (SELECT value FROM json_each(?))",
            (as_json({self.shown[self.rows[i]] for i in lost}),),
        )

    def _rebuild(self, rows: list[int]) -> None:
        """Writes the merged views that differ from what is stored."""
        names = shown_names(self.db, rows)
        heads = [(row, *self._heads[row]) for row in rows if row in names]
        properties = voted_properties(self.db, "entity", heads, self.policies)
        removed, added = self._descriptions()
        views, old, new = [], [], []
        for row, _, _ in heads:
            before = self._views[row]
            said = merged_description(
                self.db,
                "entity",
                row,
                before[2],
                removed=removed.get(row, ()),
                added=added.get(row, ()),
            )
            view = (*names[row], said, properties.get(row, "{}"))
            if view[:3] != before[:3]:
                old.append((row, *before[:3]))
                new.append((row, *view[:3]))
            if view != before:
                self.reworded.add(row)
            if view != before or self._degrees[row]:
                views.append((*view, self._degrees[row], row))
        unindex_words(self.db, old)
        self.db.executemany(
            "UPDATE entity SET name = ?, aliases = ?, description = ?, properties = ?, degree = degree + ? "
            "WHERE rid = ?",
            views,
        )
        index_words(self.db, new)

    def _descriptions(self) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
        """What the document said and what it says of each entity, where that differs."""
        found: tuple[dict[int, set[str]], dict[int, set[str]]] = ({}, {})
        for ids, sources, into in zip(
            self._differences, (self.old.entities, self.new.entities), found, strict=True
        ):
            for i in ids:
                into.setdefault(self.shown[self.rows[i]], set()).add(sources[i].description)
        return found


def shown_names(db: apsw.Connection, rows: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The name and the aliases, as stored, that follow from the votes; entities without any are left out.

    The name is the one that most documents give the leading form; all others are aliases.
    """
    votes: dict[int, Counter[str]] = {}
    every: dict[int, set[str]] = {}
    found = select(
        db,
        "SELECT n.entity, n.form, n.name, n.shown FROM json_each(?) j "
        "CROSS JOIN entity_name n ON n.entity = j.value",
        (as_json(rows),),
    )
    for row, form, name, shown in found:
        every.setdefault(row, set()).add(name)
        if form == row:
            votes.setdefault(row, Counter())[name] += shown
    shown_as = {}
    for row, names in every.items():
        name = most_voted(votes.get(row) or dict.fromkeys(names, 0))
        shown_as[row] = (name, ALIAS_SEPARATOR.join(sorted(names - {name})))
    return shown_as


def index_words(db: apsw.Connection, texts: list[_Words]) -> None:
    """Adds entities to the text index."""
    db.executemany("INSERT INTO entity_fts(rowid, name, aliases, description) VALUES (?, ?, ?, ?)", texts)


def unindex_words(db: apsw.Connection, texts: list[_Words]) -> None:
    """Takes entities out of the text index, which must be told the words that it held for them."""
    db.executemany(
        "INSERT INTO entity_fts(entity_fts, rowid, name, aliases, description) VALUES ('delete', ?, ?, ?, ?)",
        texts,
    )


def _stored(source: EntitySource) -> tuple[str, str, str, str]:
    return (
        source.name,
        json.dumps(source.aliases, ensure_ascii=False),
        source.description,
        source.properties,
    )
