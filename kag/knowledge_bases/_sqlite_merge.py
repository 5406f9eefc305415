"""What entities and relations share when their sources are merged: property votes, longest descriptions."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import apsw

from kag.knowledge_bases._contribution import EntitySource, RelationSource
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases._values import longest, properties_from, property_votes

Fact = Literal["entity", "relation"]
Sources = Mapping[str, EntitySource] | Mapping[str, RelationSource]
Votes = dict[str, dict[str, int]]  # property to value, as JSON, to votes
_FORMS: dict[Fact, str] = {"entity": "form", "relation": "relation_form"}


def differences(old: Sources, new: Sources) -> tuple[list[str], list[str]]:
    """Ids whose source is taken back, and ids that get a source; a changed one is in both."""
    lost = [i for i, source in old.items() if new.get(i) != source]
    gained = [i for i, source in new.items() if old.get(i) != source]
    return lost, gained


def unstated(db: apsw.Connection, kind: Fact, candidates: Mapping[int, int]) -> set[int]:
    """Which of some forms, row to the row where it is shown, no document states any more."""
    found = select(
        db,
        "SELECT k.key FROM json_each(?) k WHERE NOT EXISTS "
        f"(SELECT 1 FROM {kind}_source s WHERE s.{kind} = k.value AND s.form = CAST(k.key AS INTEGER))",
        (as_json_object(candidates),),
    )
    return {int(row) for (row,) in found}


def as_json_object(rows: Mapping[int, int]) -> str:
    """Packs pairs of rows into one parameter for `json_each`."""
    return "{" + ", ".join(f'"{int(key)}": {int(value)}' for key, value in rows.items()) + "}"


def merged_description(
    db: apsw.Connection,
    kind: Fact,
    row: int,
    before: str,
    *,
    removed: Collection[str],
    added: Collection[str],
) -> str:
    """The longest description of all sources; they are read only where the longest so far may have gone.

    Args:
        db: The writing connection, the sources already changed.
        kind: What it describes.
        row: Its row.
        before: The merged description so far.
        removed: What this document said and may say no more.
        added: What it says now and may not have said before.
    """
    if before and before in removed and before not in added:
        return longest_description(db, kind, row)
    return longest((before, *added))


def longest_description(db: apsw.Connection, kind: Fact, row: int) -> str:
    """The longest description of all sources."""
    found = select(db, f"SELECT description FROM {kind}_source WHERE {kind} = ?", (row,))
    return longest(text for (text,) in found)


def move_property_votes(
    db: apsw.Connection, old: Sources, new: Sources, lost: Iterable[str], gained: Iterable[str]
) -> None:
    """Takes back the votes of what was said, and counts those of what is said."""
    votes: Counter[tuple[str, str, str]] = Counter()
    for ids, sources, vote in ((lost, old, -1), (gained, new, 1)):
        for i in ids:
            for key, value in property_votes(sources[i].properties):
                votes[i, key, value] += vote
    changes = [(*what, n) for what, n in votes.items() if n]
    db.executemany(
        "INSERT INTO property VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET votes = votes + excluded.votes",
        changes,
    )
    owners = {change[0] for change in changes if change[3] < 0}
    if owners:
        db.execute(
            "DELETE FROM property WHERE votes = 0 AND owner IN (SELECT value FROM json_each(?))",
            (as_json(owners),),
        )


def property_policies(db: apsw.Connection, collection: int) -> dict[str, dict[str, Policy]]:
    """How properties merge, where data models say so: label or relation type to field to policy."""
    policies: dict[str, dict[str, Policy]] = {}
    found = select(
        db,
        "SELECT r.label, r.field, r.said FROM rule r JOIN collection c ON c.name = r.collection "
        "WHERE c.rid = ? AND r.said <> 'key'",
        (collection,),
    )
    for label, field, policy in found:
        policies.setdefault(label, {})[field] = policy
    return policies


def voted_properties(
    db: apsw.Connection,
    kind: Fact,
    shown: Iterable[tuple[int, str, str]],
    policies: Mapping[str, Mapping[str, Policy]],
) -> dict[int, str]:
    """Builds merged properties from the votes of all forms of a thing, by row; only for those with any.

    Args:
        db: The writing connection.
        kind: Entities or relations.
        shown: Row, id and label or type of each.
        policies: Of `property_policies`.
    """
    wanted = {row: (i, label) for row, i, label in shown}
    owners = {i: row for row, (i, _) in wanted.items()}
    forms = _FORMS[kind]
    members = select(
        db,
        f"SELECT f.id, f.{kind} FROM json_each(?) j CROSS JOIN {forms} f ON f.{kind} = j.value",
        (as_json(wanted),),
    )
    owners.update(members)
    votes: dict[int, Votes] = {}
    found = select(
        db,
        "SELECT p.owner, p.key, p.value, p.votes FROM json_each(?) j "
        "CROSS JOIN property p ON p.owner = j.value",
        (as_json(owners),),
    )
    for owner, key, value, n in found:
        values = votes.setdefault(owners[owner], {}).setdefault(key, {})
        values[value] = values.get(value, 0) + n
    return {row: properties_from(keys, policies.get(wanted[row][1], {})) for row, keys in votes.items()}
