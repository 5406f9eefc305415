"""What entities and relations share when their sources are merged: property votes, longest descriptions."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import apsw

from kag.knowledge_bases._contribution import EntitySource, RelationSource
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases._values import longest, properties_from, property_votes

Fact = Literal["entity", "relation"]
Sources = Mapping[str, EntitySource] | Mapping[str, RelationSource]


def differences(old: Sources, new: Sources) -> tuple[list[str], list[str]]:
    """Ids whose source is taken back, and ids that get a source; a changed one is in both."""
    lost = [i for i, source in old.items() if new.get(i) != source]
    gained = [i for i, source in new.items() if old.get(i) != source]
    return lost, gained


def unstated(db: apsw.Connection, kind: Fact, candidates: Mapping[int, str]) -> set[str]:
    """Which of some entities or relations, row to id, no document states any more."""
    found = select(
        db,
        "SELECT j.value FROM json_each(?) j "
        f"WHERE NOT EXISTS (SELECT 1 FROM {kind}_source s WHERE s.{kind} = j.value)",
        (as_json(candidates),),
    )
    return {candidates[row] for (row,) in found}


def merged_description(
    db: apsw.Connection, kind: Fact, row: int, before: str, *, removed: str | None, added: str | None
) -> str:
    """The longest description of all sources; they are read only where the longest so far may have gone.

    Args:
        db: The writing connection, the sources already changed.
        kind: What it describes.
        row: Its row.
        before: The merged description so far.
        removed: What this document said and says no more.
        added: What it says now and did not say before.
    """
    if before and removed == before and added != before:
        found = select(db, f"SELECT description FROM {kind}_source WHERE {kind} = ?", (row,))
        return longest(text for (text,) in found)
    return longest((before, added or ""))


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


def voted_properties(db: apsw.Connection, owners: Iterable[str]) -> dict[str, str]:
    """Builds merged properties from the votes, by owner; owners without any are left out."""
    votes: dict[str, dict[str, dict[str, int]]] = {}
    found = select(
        db,
        "SELECT p.owner, p.key, p.value, p.votes FROM json_each(?) j "
        "CROSS JOIN property p ON p.owner = j.value",
        (as_json(owners),),
    )
    for owner, key, value, n in found:
        votes.setdefault(owner, {}).setdefault(key, {})[value] = n
    return {owner: properties_from(keys) for owner, keys in votes.items()}
