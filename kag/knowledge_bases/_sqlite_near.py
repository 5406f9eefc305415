"""Keeps which forms have vectors that are close: they are compared even when their names share nothing.

A pair is close from a fixed cosine on, never because it is among the nearest, so that what is close does not
depend on what else there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apsw

from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_rows import as_json
from kag.knowledge_bases._sqlite_vectors import current_space
from kag.resolution.base import COSINE

_SLICE = 4096  # rows read at a time
_SLACK = 1e-3  # what a product in single precision may be off by
_DIGITS = 6


def renew_near(db: apsw.Connection, collection: int, forms: Iterable[int]) -> None:
    """Finds anew what is close to some forms of a collection, in the space that is searched."""
    forms = list(forms)
    forget_near(db, forms)
    current = current_space(db)
    if not forms or current is None:
        return
    packed = as_json(forms)
    sql = (
        "SELECT v.owner, v.data FROM json_each(?) j CROSS JOIN entity_vector v "
        "ON v.owner = j.value AND v.space = ? AND v.collection = ?"
    )
    asked = select(db, sql, (packed, current[0], collection))
    for start in range(0, len(asked), _SLICE):
        db.executemany(
            "INSERT OR REPLACE INTO near VALUES (?, ?, ?)",
            list(_close(db, current[0], collection, asked[start : start + _SLICE])),
        )


def forget_near(db: apsw.Connection, forms: Iterable[int]) -> None:
    """Forgets what is close to some forms."""
    rows = [(row,) for row in forms]
    db.executemany("DELETE FROM near WHERE first = ?", rows)
    db.executemany("DELETE FROM near WHERE second = ?", rows)


def near_pairs(db: apsw.Connection, forms: Iterable[int]) -> dict[tuple[int, int], float]:
    """The pairs with one of some forms that are close, the smaller row first, with their cosine."""
    packed = as_json(forms)
    sql = "SELECT n.first, n.second, n.cosine FROM json_each(?) j CROSS JOIN near n ON n.{} = j.value"
    return {
        (first, second): cosine
        for end in ("first", "second")
        for first, second, cosine in select(db, sql.format(end), (packed,))
    }


def _close(
    db: apsw.Connection, space: int, collection: int, asked: list[tuple[int, bytes]]
) -> Iterator[tuple[int, int, float]]:
    import numpy as np

    rows = np.stack([np.frombuffer(data, dtype="<f4") for _, data in asked])
    last = 0
    while found := select(
        db,
        "SELECT seq, owner, data FROM entity_vector WHERE space = ? AND collection = ? AND seq > ? "
        "ORDER BY seq LIMIT ?",
        (space, collection, last, _SLICE),
    ):
        last = found[-1][0]
        others = np.stack([np.frombuffer(data, dtype="<f4") for *_, data in found])
        for i, j in zip(*np.nonzero(rows @ others.T >= COSINE - _SLACK), strict=True):
            first, second = asked[i][0], found[j][1]
            exact = float(np.dot(rows[i].astype(np.float64), others[j].astype(np.float64)))
            if first != second and round(exact, _DIGITS) >= COSINE:
                yield min(first, second), max(first, second), round(exact, _DIGITS)
