"""The lock and the counts of a collection on a graph server: its writers take turns."""

from __future__ import annotations

import json
import uuid
from collections import Counter

from kag.errors import StoreLockedError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction

Tally = Counter[tuple[str, str]]


def token() -> str:
    """A value that no lock was written with before, so that writing it takes the lock."""
    return uuid.uuid4().hex


async def lock_collection(tx: Transaction, scope_: str, name: str) -> bool:
    """Waits until no other transaction writes to a collection; makes it where it is not, and tells so."""
    found = await tx.one(statements.LOCK_COLLECTION, scope=scope_, token=token())
    if found is None:
        await tx.rows(statements.LOCK_META, token=token())
        await tx.rows(statements.CREATE_COLLECTION, scope=scope_, name=name, token=token())
    elif found[0]:
        raise StoreLockedError(
            f"The collection {name!r} is being deleted, or that was interrupted; delete it to the end first."
        )
    return found is None


async def add_tally(tx: Transaction, scope_: str, changes: Tally) -> None:
    """Adds a write's counts to the collection's; one without documents goes, unless it was made to stay."""
    found = await tx.one(statements.READ_TALLY, scope=scope_)
    counts: dict[str, dict[str, int]] = json.loads(found[0]) if found else {}
    for (kind, name), n in changes.items():
        names = counts.setdefault(kind, {})
        names[name] = names.get(name, 0) + n
        if not names[name]:
            del names[name]
    tally = json.dumps(counts, ensure_ascii=False)
    await tx.rows(statements.WRITE_TALLY, scope=scope_, tally=tally)
    if not counts.get("document"):
        await tx.rows(statements.DELETE_UNKEPT_COLLECTION, scope=scope_)
