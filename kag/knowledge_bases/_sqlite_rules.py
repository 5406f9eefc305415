"""What an embedded store is resolved by: thresholds, and what data models declare, kept in the store itself.

So a process that opens the store without data models, such as a server, merges as the one that wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from kag.knowledge_bases._ontology import Ontology, Policy
from kag.knowledge_bases._resolution import settings_in, stamp
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_merge import property_policies
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Resolution

_STAMP = "resolution"


@dataclass(frozen=True, slots=True)
class Context:
    """What a collection is resolved by.

    Args:
        settings: Thresholds.
        policies: Label or relation type to field to how its values merge.
        identities: Label to the field that is its key.
    """

    settings: Resolution
    policies: Mapping[str, Mapping[str, Policy]]
    identities: Mapping[str, str]


def context_of(db: apsw.Connection, collection: int) -> Context:
    """Reads what a collection is resolved by."""
    keys = select(
        db,
        "SELECT r.label, r.field FROM rule r JOIN collection c ON c.name = r.collection "
        "WHERE c.rid = ? AND r.said = 'key'",
        (collection,),
    )
    return Context(settings(db), property_policies(db, collection), dict(keys))


def settings(db: apsw.Connection) -> Resolution:
    """How the store is resolved."""
    found = select(db, "SELECT value FROM setting WHERE key = ?", (_STAMP,))
    return settings_in(found[0][0]) if found else Resolution()


def is_current(db: apsw.Connection, wanted: Resolution | None) -> bool:
    """Whether the store was resolved by these settings, and by this version's rules."""
    found = select(db, "SELECT value FROM setting WHERE key = ?", (_STAMP,))
    return bool(found) and found[0][0] == stamp(wanted or settings(db))


def write_settings(db: apsw.Connection, wanted: Resolution | None) -> None:
    """Writes down how the store is resolved from now on."""
    value = stamp(wanted or settings(db))
    db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (_STAMP, value))


def declares(db: apsw.Connection, collection: str, ontology: Ontology) -> bool:
    """Whether the store knows already what data models declare of a collection."""
    sql = "SELECT collection, label, field, said FROM rule WHERE collection = ?"
    return set(select(db, sql, (clean(collection),))) == _rows(collection, ontology)


def declare(db: apsw.Connection, collection: str, ontology: Ontology) -> None:
    """Writes down what data models declare of a collection."""
    db.execute("DELETE FROM rule WHERE collection = ?", (clean(collection),))
    db.executemany("INSERT INTO rule VALUES (?, ?, ?, ?)", sorted(_rows(collection, ontology)))


def _rows(collection: str, ontology: Ontology) -> set[tuple[str, str, str, str]]:
    found = {(label, rule.key, "key") for label, rule in ontology.entities.items() if rule.key}
    for rules in (ontology.entities, ontology.relations):
        for label, rule in rules.items():
            found.update((label, field, policy) for field, policy in rule.policies.items())
    return {(clean(collection), clean(label), clean(field), said) for label, field, said in found}
