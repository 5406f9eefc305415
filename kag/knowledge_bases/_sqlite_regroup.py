"""Moves what documents contribute to the entity where it is shown from now on."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

import apsw

from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_entities import index_words, shown_names, unindex_words
from kag.knowledge_bases._sqlite_merge import longest_description, voted_properties
from kag.knowledge_bases._sqlite_relations import (
    entity_ids,
    remove_unstated_relations,
    shown_relations,
)
from kag.knowledge_bases._sqlite_rows import Place, as_json, next_row, shown_rows
from kag.knowledge_bases._sqlite_vectors import delete_vectors
from kag.knowledge_bases.records import relation_id

Policies = Mapping[str, Mapping[str, Policy]]
_Fact = tuple[int, str, int, int, str, int]  # row, id, subject's and object's form, type, where it is shown


class Regroup:
    """Shows forms as part of other entities, within one transaction.

    Args:
        db: The writing connection.
        place: The collection; its tally gets the counts that change.
        policies: How properties merge.
        moves: The rows of forms to the rows of the forms that lead their clusters from now on.
        gone: Rows of forms that no document states any more; all forms that they led are in `moves`.
    """

    def __init__(
        self,
        db: apsw.Connection,
        place: Place,
        policies: Policies,
        moves: Mapping[int, int],
        gone: Iterable[int],
    ) -> None:
        self.db, self.place, self.policies, self.moves, self.gone = db, place, policies, moves, set(gone)
        self.before = shown_rows(db, {*moves, *self.gone})
        self.removed = 0

    def run(self) -> None:
        """Does all of it."""
        self._raise_leaders()
        facts = self._facts()
        self._move_forms()
        touched = self._move_facts(facts)
        removed = remove_unstated_relations(self.db, self.place, touched)
        _rebuild_relations(self.db, touched - removed, self.policies)
        left = {row for row in self.before.values() if self.moves.get(row, row) != row or row in self.gone}
        self._remove_entities(left)
        kept = {*self.moves.values(), *self.before.values()} - left
        _rebuild_entities(self.db, kept, self.policies)

    def _raise_leaders(self) -> None:
        """Makes entities of the forms that lead from now on and were part of another entity."""
        found = select(
            self.db,
            "SELECT f.rid, f.id, f.collection, f.label FROM json_each(?) j "
            "CROSS JOIN form f ON f.rid = j.value",
            (as_json(set(self.moves.values())),),
        )
        self.db.executemany("INSERT INTO entity VALUES (?, ?, ?, ?, '', '', '', '{}', 0)", found)
        self.db.executemany("DELETE FROM form WHERE rid = ?", [(row,) for row, *_ in found])
        index_words(self.db, [(row, "", "", "") for row, *_ in found])
        for *_, label in found:
            self.place.tally["entity", label] += 1

    def _move_forms(self) -> None:
        moved = [(after, self.before[row], row) for row, after in self.moves.items()]
        for table in ("mention", "entity_source", "entity_name"):
            self.db.executemany(f"UPDATE {table} SET entity = ? WHERE entity = ? AND form = ?", moved)
        hidden = [(row, after) for row, after in self.moves.items() if row != after]
        self.db.executemany("UPDATE form SET entity = ?2 WHERE rid = ?1", hidden)
        self.db.executemany(
            "INSERT INTO form SELECT rid, id, collection, label, ?2 FROM entity WHERE rid = ?1", hidden
        )
        self.db.executemany("DELETE FROM form WHERE rid = ?", [(row,) for row in self.gone])

    def _facts(self) -> list[_Fact]:
        """The contributed relations with an end in a form that moves."""
        packed = as_json(self.moves)
        found: dict[int, _Fact] = {}
        for end in ("subject", "object"):
            sql = (
                "SELECT r.rid, r.id, r.subject, r.object, r.type, {} FROM json_each(?) j "
                f"CROSS JOIN {{}} r ON r.{end} = j.value"
            )
            contributed = " WHERE EXISTS (SELECT 1 FROM relation_source s WHERE s.relation = r.rid "
            contributed += "AND s.form = r.rid)"
            plain = select(self.db, sql.format("r.rid", "relation") + contributed, (packed,))
            hidden = select(self.db, sql.format("r.relation", "relation_form"), (packed,))
            found.update((row[0], (row[0], *row[1:])) for row in (*plain, *hidden))
        return list(found.values())

    def _move_facts(self, facts: list[_Fact]) -> set[int]:
        """Shows relations between the entities that their ends are part of; returns all rows that differ."""
        forms = {end for fact in facts for end in (fact[2], fact[3])}
        shown = {**shown_rows(self.db, forms - self.moves.keys()), **self.moves}
        heads = entity_ids(self.db, set(shown.values()))
        targets = self._targets(facts, shown, heads)
        self.db.executemany("DELETE FROM relation_form WHERE rid = ?", [(row,) for row, *_ in facts])
        self.db.executemany(
            "INSERT INTO relation_form VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (row, i, self.place.collection, subject, obj, type_, targets[row])
                for row, i, subject, obj, type_, _ in facts
                if targets[row] != row
            ],
        )
        moved = [(targets[row], before, row) for row, *_, before in facts if targets[row] != before]
        for table in ("relation_source", "support"):
            self.db.executemany(f"UPDATE {table} SET relation = ? WHERE relation = ? AND form = ?", moved)
        return {row for after, before, _ in moved for row in (after, before) if row > 0}

    def _targets(
        self, facts: list[_Fact], shown: Mapping[int, int], heads: Mapping[int, str]
    ) -> dict[int, int]:
        """Where each relation is shown from now on; makes the rows that are missing."""
        targets: dict[int, int] = {}
        made: list[tuple[int, str, int, int, int, str]] = []
        rows = count(next_row(self.db, "relation"))
        places: dict[int, tuple[str, int, int]] = {}
        for row, i, subject, obj, type_, before in facts:
            ends = shown[subject], shown[obj]
            if ends == (subject, obj):
                targets[row] = row
                if before != row:
                    made.append((row, i, self.place.collection, subject, obj, type_))
            elif ends[0] == ends[1] and subject != obj:
                targets[row] = -row
            else:
                places[row] = (relation_id(heads[ends[0]], type_, heads[ends[1]]), *ends)
        known = shown_relations(self.db, {i for i, _, _ in places.values()})
        known.update((made_id, row) for row, made_id, *_ in made)
        types = {row: type_ for row, _, _, _, type_, _ in facts}
        for row, (i, subject, obj) in places.items():
            if i not in known:
                known[i] = next(rows)
                made.append((known[i], i, self.place.collection, subject, obj, types[row]))
            targets[row] = known[i]
        self.db.executemany("INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, '', '{}', 0)", made)
        for *_, type_ in made:
            self.place.tally["relation", type_] += 1
        return targets

    def _remove_entities(self, rows: Iterable[int]) -> None:
        """Removes what is no entity of its own any more."""
        found = select(
            self.db,
            "SELECT e.rid, e.name, e.aliases, e.description, e.label FROM json_each(?) j "
            "CROSS JOIN entity e ON e.rid = j.value",
            (as_json(rows),),
        )
        unindex_words(self.db, [(row, *words) for row, *words, _ in found])
        self.db.executemany("DELETE FROM entity WHERE rid = ?", [(row,) for row, *_ in found])
        for *_, label in found:
            self.place.tally["entity", label] -= 1
        delete_vectors(self.db, "entity", self.gone)
        self.removed = len(self.gone.intersection(row for row, *_ in found))


def rebuild_all(db: apsw.Connection, place: Place, policies: Policies) -> None:
    """Rebuilds all views of a collection, where other policies are to be followed."""
    for table, rebuild in (("relation", _rebuild_relations), ("entity", _rebuild_entities)):
        rows = select(db, f"SELECT rid FROM {table} WHERE collection = ?", (place.collection,))
        rebuild(db, {row for (row,) in rows}, policies)


def _rebuild_relations(db: apsw.Connection, rows: set[int], policies: Policies) -> None:
    heads = select(
        db,
        "SELECT r.rid, r.id, r.type FROM json_each(?) j CROSS JOIN relation r ON r.rid = j.value",
        (as_json(rows),),
    )
    properties = voted_properties(db, "relation", heads, policies)
    db.executemany(
        "UPDATE relation SET description = ?, properties = ?, weight = (SELECT count(*) FROM (SELECT "
        "DISTINCT chunk, start, stop, quote FROM support s WHERE s.relation = ?3)) WHERE rid = ?3",
        [(longest_description(db, "relation", row), properties.get(row, "{}"), row) for row, _, _ in heads],
    )


def _rebuild_entities(db: apsw.Connection, rows: set[int], policies: Policies) -> None:
    found = select(
        db,
        "SELECT e.rid, e.id, e.label, e.name, e.aliases, e.description FROM json_each(?) j "
        "CROSS JOIN entity e ON e.rid = j.value",
        (as_json(rows),),
    )
    names = shown_names(db, rows)
    properties = voted_properties(db, "entity", [row[:3] for row in found], policies)
    unindex_words(db, [(row, *words) for row, _, _, *words in found])
    views = {row: (*names[row], longest_description(db, "entity", row)) for row, *_ in found}
    db.executemany(
        "UPDATE entity SET name = ?, aliases = ?, description = ?, properties = ?, "
        "degree = (SELECT count(DISTINCT chunk) FROM mention m WHERE m.entity = ?5) WHERE rid = ?5",
        [(*view, properties.get(row, "{}"), row) for row, view in views.items()],
    )
    index_words(db, [(row, *view) for row, view in views.items()])
