"""Reads how entities came to be: their forms, what documents say of them, the decisions about pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import apsw

from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_forms import form_ids, forms_at, members_of
from kag.knowledge_bases._sqlite_merge import property_policies
from kag.knowledge_bases._sqlite_records import properties_of
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, row_numbers
from kag.knowledge_bases.base import Statement
from kag.resolution.base import Decision, Form, Outcome

# With the names of the rows as they are now: what is held back is to be reviewed.
_LISTED = """
WITH listed AS (
    SELECT coalesce(e.id, f.id) AS first, coalesce(g.id, h.id) AS second, d.score AS score,
        CASE WHEN d.held <> '' THEN 'review' ELSE d.outcome END AS outcome, d.evidence AS evidence,
        d.held AS held, coalesce(f.entity, d.first) AS one, coalesce(h.entity, d.second) AS other,
        d.collection AS collection, d.first AS first_row, d.second AS second_row
    FROM decision d LEFT JOIN entity e ON e.rid = d.first LEFT JOIN form f ON f.rid = d.first
        LEFT JOIN entity g ON g.rid = d.second LEFT JOIN form h ON h.rid = d.second)
SELECT first, second, score, outcome, evidence, held FROM listed l WHERE {}
ORDER BY score DESC, first, second LIMIT ?
"""
_UNDECIDED = (
    "l.one <> l.other AND NOT EXISTS (SELECT 1 FROM link k WHERE k.first = min(l.first, l.second) "
    "AND k.second = max(l.first, l.second)) AND NOT EXISTS (SELECT 1 FROM link k "
    "WHERE k.first = max(l.first, l.second) AND k.second = min(l.first, l.second))"
)


def decisions(
    db: apsw.Connection,
    collections: Sequence[str],
    outcome: Outcome | None,
    ids: Sequence[str],
    after: Decision | None,
    limit: int,
) -> list[Decision]:
    """Lists decisions, best first."""
    conditions = ["l.collection IN (SELECT value FROM json_each(?))"]
    values: list[str | float | int] = [as_json(collection_rows(db, collections))]
    if outcome:
        conditions.append("l.outcome = ?")
        values.append(outcome)
    if outcome == "review":
        conditions.append(_UNDECIDED)
    if ids:
        entities = members_of(db, row_numbers(db, "entity", ids).values())
        packed = as_json(row for rows in entities.values() for row in rows)
        held = "IN (SELECT value FROM json_each(?))"
        conditions.append(f"(l.first_row {held} OR l.second_row {held})")
        values += [packed, packed]
    if after:
        conditions.append("(-l.score, l.first, l.second) > (?, ?, ?)")
        values += [-after.score, after.first, after.second]
    found = select(db, _LISTED.format(" AND ".join(conditions)), (*values, max(limit, 0)))
    return [_decision(*row) for row in found]


def forms(db: apsw.Connection, ids: Sequence[str]) -> dict[str, list[Form]]:
    """Fetches the forms of entities, the leading one first, with the number of chunks of each."""
    rows = row_numbers(db, "entity", ids)
    members = members_of(db, rows.values())
    every = {row for group in members.values() for row in group}
    known = forms_at(db, every, _policies(db, every))
    degrees = dict(
        select(
            db,
            "SELECT m.form, count(DISTINCT m.chunk) FROM json_each(?) j "
            "CROSS JOIN mention m ON m.entity = j.value GROUP BY m.form",
            (as_json(members),),
        )
    )
    return {
        i: [replace(known[form], degree=degrees.get(form, 0)) for form in members[row]]
        for i, row in rows.items()
    }


def statements(db: apsw.Connection, ids: Sequence[str]) -> dict[str, list[Statement]]:
    """Fetches what each document says of entities, by document and form."""
    rows = row_numbers(db, "entity", ids)
    found = select(
        db,
        "SELECT s.entity, d.id, s.form, s.name, s.aliases, s.description, s.properties FROM json_each(?) j "
        "CROSS JOIN entity_source s ON s.entity = j.value CROSS JOIN document d ON d.rid = s.document",
        (as_json(set(rows.values())),),
    )
    names = form_ids(db, {row[2] for row in found})
    said: dict[int, list[Statement]] = {row: [] for row in rows.values()}
    for entity, document, form, name, aliases, description, properties in found:
        others = tuple(json.loads(aliases))
        said[entity].append(
            Statement(document, names[form], name, others, description, properties_of(properties))
        )
    return {i: sorted(said[row], key=lambda s: (s.document_id, s.form_id)) for i, row in rows.items()}


def _policies(db: apsw.Connection, rows: set[int]) -> dict[str, dict[str, Policy]]:
    collections = select(
        db,
        "SELECT DISTINCT e.collection FROM json_each(?) j CROSS JOIN entity e ON e.rid = j.value",
        (as_json(rows),),
    )
    return {k: v for (c,) in collections for k, v in property_policies(db, c).items()}


def _decision(first: str, second: str, score: float, outcome: Outcome, evidence: str, held: str) -> Decision:
    said = json.loads(evidence)
    return Decision(first, second, score, outcome, {**said, "held": held} if held else said)
