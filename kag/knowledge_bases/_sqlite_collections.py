"""The collections of an embedded store: those that documents are in, and those that were made by name."""

from __future__ import annotations

import apsw

from kag.errors import StoreError
from kag.knowledge_bases import _sqlite_write as write
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._values import clean


def create_collection(db: apsw.Connection, name: str) -> bool:
    """Makes an empty collection that is listed from now on; False where it was there already.

    Raises:
        StoreError: The name is blank.
    """
    if not name.strip():
        raise StoreError(f"A collection cannot be called {name!r}; give it a name.")
    known = select(
        db,
        "SELECT 1 FROM named_collection WHERE name = ?1 UNION ALL SELECT 1 FROM collection WHERE name = ?1",
        (clean(name),),
    )
    db.execute("INSERT INTO named_collection VALUES (?) ON CONFLICT DO NOTHING", (clean(name),))
    return not known


def delete_collection(db: apsw.Connection, name: str) -> int:
    """Deletes a collection with its documents, and returns how many those were."""
    db.execute("DELETE FROM named_collection WHERE name = ?", (clean(name),))
    return write.delete_collection(db, name)
