"""Links between forms, as people and models set them: what resolution is told."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

from kag.errors import StoreError, StoreNotFoundError
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases._values import clean
from kag.resolution.base import Link, LinkSource

_COLUMNS = "l.first, l.second, l.verdict, l.source, l.reason, l.documents"
_CLOSURE = """
WITH RECURSIVE near(id) AS (
    SELECT value FROM json_each(?)
    UNION SELECT l.second FROM near CROSS JOIN link l ON l.first = near.id WHERE l.verdict = 'same'
    UNION SELECT l.first FROM near CROSS JOIN link l ON l.second = near.id WHERE l.verdict = 'same')
"""


def closure(db: apsw.Connection, ids: Iterable[str]) -> set[str]:
    """The ids that `same` links connect to some ids, and these themselves."""
    return {i for (i,) in select(db, f"{_CLOSURE} SELECT id FROM near", (as_json(ids),))}


def reaching(db: apsw.Connection, ids: Iterable[str]) -> list[Link]:
    """The links that name one of some ids, or one that `same` links connect to them."""
    if not select(db, "SELECT 1 FROM link LIMIT 1"):
        return []
    near = as_json(closure(db, ids))
    found = select(
        db,
        f"SELECT {_COLUMNS} FROM json_each(?1) j CROSS JOIN link l ON l.first = j.value "
        f"UNION SELECT {_COLUMNS} FROM json_each(?1) j CROSS JOIN link l ON l.second = j.value",
        (near,),
    )
    return [_link(row) for row in found]


def list_links(db: apsw.Connection, ids: Sequence[str]) -> list[Link]:
    """Lists the links that name one of some ids, or all."""
    where = (
        "WHERE l.first IN (SELECT value FROM json_each(?1)) OR l.second IN (SELECT value FROM json_each(?1))"
    )
    sql = f"SELECT {_COLUMNS} FROM link l {where if ids else ''} ORDER BY l.first, l.second, l.source"
    return [_link(row) for row in select(db, sql, (as_json(ids),) if ids else ())]


def write_link(db: apsw.Connection, link: Link) -> None:
    """Writes a link in the place of what its source said of the two before.

    Raises:
        StoreError: It cannot be a link.
    """
    _check(db, link)
    erase_links(db, (link.first, link.second), link.source)
    first, second = link.first, link.second
    if not link.document_ids and first > second:
        first, second = second, first
    documents = json.dumps(sorted(set(link.document_ids)))
    row = (first, second, link.source, link.verdict, clean(link.reason), documents)
    db.execute("INSERT INTO link VALUES (?, ?, ?, ?, ?, ?)", row)
    db.executemany(
        "INSERT INTO split VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET other = excluded.other",
        [(document, first, second) for document in link.document_ids],
    )


def erase_links(db: apsw.Connection, pair: tuple[str, str], source: LinkSource | None) -> int:
    """Takes back what was said of two forms, by one source or by all; returns how many links it was."""
    both = "((first = ?1 AND second = ?2) OR (first = ?2 AND second = ?1))"
    values = (*pair, source)
    n = len(select(db, f"SELECT 1 FROM link WHERE {both} AND coalesce(?3, source) = source", values))
    db.execute(f"DELETE FROM link WHERE {both} AND coalesce(?3, source) = source", values)
    db.execute("DELETE FROM split WHERE (form = ?1 AND other = ?2) OR (form = ?2 AND other = ?1)", pair)
    left = f"SELECT d.value, l.first, l.second FROM link l, json_each(l.documents) d WHERE {both}"
    db.execute(f"INSERT OR REPLACE INTO split {left}", pair)
    return n


def require_links(db: apsw.Connection, pairs: Iterable[tuple[str, str]], source: LinkSource | None) -> None:
    """Refuses pairs that nothing links.

    Raises:
        StoreNotFoundError: Nothing links one of the pairs.
    """
    for pair in pairs:
        known = [link for link in list_links(db, pair) if {link.first, link.second} == set(pair)]
        if not [link for link in known if source in (None, link.source)]:
            raise StoreNotFoundError(
                f"Nothing links {pair[0]} and {pair[1]}; `kag entities show NAME` lists an entity's links. "
                "Nothing was changed."
            )


def splits_of(db: apsw.Connection, document_id: str) -> dict[str, str]:
    """What a document says of another form than the name tells: form id to the other's id."""
    return dict(select(db, "SELECT form, other FROM split WHERE document = ?", (document_id,)))


def _check(db: apsw.Connection, link: Link) -> None:
    wrong = ""
    if link.first == link.second or not all(i.startswith("ent_") for i in (link.first, link.second)):
        wrong = "it needs the ids of two different entities"
    elif link.verdict not in ("same", "different") or link.source not in ("user", "model"):
        wrong = "its verdict must be 'same' or 'different', its source 'user' or 'model'"
    elif link.document_ids and link.verdict == "same":
        wrong = "only 'different' may be said of certain documents"
    else:
        packed = as_json((link.first, link.second))
        sql = "SELECT DISTINCT t.collection FROM json_each(?1) j CROSS JOIN {} t ON t.id = j.value"
        union = " UNION ".join(sql.format(table) for table in ("entity", "form"))
        if len(select(db, union, (packed,))) > 1:
            wrong = "the two are in different collections"
    if wrong:
        raise StoreError(f"{link.first} and {link.second} cannot be linked: {wrong}. Nothing was changed.")


def _link(row: Sequence[str]) -> Link:
    first, second, verdict, source, reason, documents = row
    known: tuple[str, ...] = tuple(json.loads(documents))
    return Link(first, second, verdict, source, reason, known)  # type: ignore[arg-type]  # as it was checked
