"""Reads forms: what documents contribute under one name and label, whatever it is shown as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import apsw

from kag.knowledge_bases._contribution import ALIAS_SEPARATOR
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_merge import Votes, as_json_object
from kag.knowledge_bases._sqlite_records import properties_of
from kag.knowledge_bases._sqlite_rows import as_json, shown_rows
from kag.knowledge_bases._values import longest, most_voted, properties_from
from kag.resolution.base import Form

MOST_CHUNKS = 64  # a form that more chunks mention has too many neighbours for them to say anything

_ENTITIES = """
SELECT e.rid, e.id, c.name, e.label, e.name, e.aliases, e.description, e.properties,
    EXISTS (SELECT 1 FROM form f WHERE f.entity = e.rid)
FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value CROSS JOIN collection c ON c.rid = e.collection
"""
_HIDDEN = """
SELECT f.rid, f.entity, f.id, c.name, f.label
FROM json_each(?) j CROSS JOIN form f ON f.rid = j.value CROSS JOIN collection c ON c.rid = f.collection
"""
_Policies = Mapping[str, Mapping[str, Policy]]


def forms_at(db: apsw.Connection, rows: Iterable[int], policies: _Policies) -> dict[int, Form]:
    """Fetches forms by their rows, without neighbours; rows that are gone are left out."""
    packed = as_json(rows)
    found: dict[int, Form] = {}
    members: dict[int, tuple[int, Form]] = {}
    for row, i, collection, label, *view, compound in select(db, _ENTITIES, (packed,)):
        if compound:
            members[row] = (row, Form(i, collection, label, ""))
        else:
            found[row] = _form(i, collection, label, view)
    for row, entity, i, collection, label in select(db, _HIDDEN, (packed,)):
        members[row] = (entity, Form(i, collection, label, ""))
    found.update(_members(db, members, policies) if members else ())
    return found


def with_neighbours(db: apsw.Connection, forms: Mapping[int, Form]) -> dict[int, Form]:
    """Adds the ids of the forms that stand in the same chunks; forms in very many chunks get none."""
    found = select(
        db,
        "SELECT j.key, m.chunk FROM json_each(?) j CROSS JOIN mention m ON m.entity = j.value "
        "WHERE m.form = CAST(j.key AS INTEGER) AND (SELECT count(*) FROM (SELECT DISTINCT n.chunk "
        "FROM mention n WHERE n.entity = j.value AND n.form = m.form LIMIT ?)) <= ?",
        (_shown(db, forms), MOST_CHUNKS + 1, MOST_CHUNKS),
    )
    chunks: dict[int, set[int]] = {}
    for row, chunk in found:
        chunks.setdefault(int(row), set()).add(chunk)
    held: dict[int, set[int]] = {}
    packed = as_json({chunk for several in chunks.values() for chunk in several})
    sql = "SELECT m.chunk, m.form FROM json_each(?) j CROSS JOIN mention m ON m.chunk = j.value"
    for chunk, form in select(db, sql, (packed,)):
        held.setdefault(chunk, set()).add(form)
    around = {row: {f for chunk in several for f in held[chunk]} - {row} for row, several in chunks.items()}
    ids = form_ids(db, {f for several in around.values() for f in several})
    return {
        row: replace(form, neighbours=frozenset(ids[f] for f in around.get(row, ())))
        for row, form in forms.items()
    }


def form_ids(db: apsw.Connection, rows: Iterable[int]) -> dict[int, str]:
    """The ids of forms by their rows."""
    packed = as_json(rows)
    sql = "SELECT t.rid, t.id FROM json_each(?) j CROSS JOIN {} t ON t.rid = j.value"
    return {row: i for table in ("entity", "form") for row, i in select(db, sql.format(table), (packed,))}


def form_rows(db: apsw.Connection, ids: Iterable[str], collection: int) -> dict[str, int]:
    """The rows of a collection's forms by their ids; ids that are no form now are left out."""
    packed = as_json(ids)
    sql = "SELECT t.id, t.rid FROM json_each(?) j CROSS JOIN {} t ON t.id = j.value WHERE t.collection = ?"
    return {
        i: row
        for table in ("entity", "form")
        for i, row in select(db, sql.format(table), (packed, collection))
    }


def members_of(db: apsw.Connection, entities: Iterable[int]) -> dict[int, list[int]]:
    """The rows of the forms of each entity, the leading one first; rows that are no entity are left out."""
    packed = as_json(entities)
    sql = "SELECT e.rid FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value"
    found = {row: [row] for (row,) in select(db, sql, (packed,))}
    sql = "SELECT f.entity, f.rid FROM json_each(?) j CROSS JOIN form f ON f.entity = j.value ORDER BY f.id"
    for entity, row in select(db, sql, (packed,)):
        found[entity].append(row)
    return found


def _form(i: str, collection: str, label: str, view: Sequence[str]) -> Form:
    name, aliases, description, properties = view
    others = tuple(aliases.split(ALIAS_SEPARATOR)) if aliases else ()
    return Form(i, collection, label, name, others, description, properties_of(properties))


def _members(
    db: apsw.Connection, members: Mapping[int, tuple[int, Form]], policies: _Policies
) -> dict[int, Form]:
    """Forms of entities that have several, from what the documents say under each."""
    packed = as_json_object({row: entity for row, (entity, _) in members.items()})
    names: dict[int, Counter[str]] = {}
    for row, name, shown in select(
        db,
        "SELECT n.form, n.name, n.shown FROM json_each(?) j "
        "CROSS JOIN entity_name n ON n.entity = j.value AND n.form = CAST(j.key AS INTEGER)",
        (packed,),
    ):
        names.setdefault(row, Counter())[name] = shown
    descriptions: dict[int, list[str]] = {}
    for row, description in select(
        db,
        "SELECT s.form, s.description FROM json_each(?) j "
        "CROSS JOIN entity_source s ON s.entity = j.value AND s.form = CAST(j.key AS INTEGER)",
        (packed,),
    ):
        descriptions.setdefault(row, []).append(description)
    votes = _votes(db, [form.id for _, form in members.values()])
    found = {}
    for row, (_, form) in members.items():
        if row not in names:
            continue  # no document states it any more
        name = most_voted(names[row])
        properties = properties_from(votes.get(form.id, {}), policies.get(form.label))
        found[row] = replace(
            form,
            name=name,
            aliases=tuple(sorted(other for other in names[row] if other != name)),
            description=longest(descriptions.get(row, ())),
            properties=properties_of(properties),
        )
    return found


def _votes(db: apsw.Connection, ids: Iterable[str]) -> dict[str, Votes]:
    votes: dict[str, Votes] = {}
    sql = (
        "SELECT p.owner, p.key, p.value, p.votes FROM json_each(?) j "
        "CROSS JOIN property p ON p.owner = j.value"
    )
    for owner, key, value, n in select(db, sql, (as_json(ids),)):
        votes.setdefault(owner, {}).setdefault(key, {})[value] = n
    return votes


def _shown(db: apsw.Connection, forms: Mapping[int, Any]) -> str:
    """Packs the rows of forms with the rows where they are shown."""
    return as_json_object(shown_rows(db, forms))
