"""Keeps which forms have vectors that are close on a graph server: they are compared whatever their names.

A pair is close from a fixed cosine on, never because it is among the nearest, so that what is close does not
depend on what else there is. So all pairs are looked at, in slices; the index, which finds most of the
nearest, is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._cypher_links import pair_key
from kag.knowledge_bases._cypher_rows import embedding_property
from kag.knowledge_bases.base import Space
from kag.resolution.base import COSINE

_SLICE = 2000  # vectors read at a time
_SLACK = 1e-3  # what a product in single precision may be off by
_DIGITS = 6

FORGET = (
    "CALL { MATCH (n:KagNear) WHERE n.first IN $ids RETURN n UNION MATCH (n:KagNear) WHERE n.second IN $ids "
    "RETURN n } WITH n DELETE n"
)
NEAR = (
    "CALL { MATCH (n:KagNear) WHERE n.first IN $ids RETURN n "
    "UNION MATCH (n:KagNear) WHERE n.second IN $ids RETURN n } RETURN n.first, n.second, n.cosine"
)
WRITE_NEAR = "UNWIND $rows AS row MERGE (n:KagNear {pair: row.pair}) SET n += row.fields"
FLAG = "MATCH (m:KagMeta) SET m.near = true"
VECTORS_OF = "MATCH (f:KagForm) WHERE f.id IN $ids AND f.{property} IS NOT NULL RETURN f.id, f.{property}"
PAGE = (
    "MATCH (f:KagForm) WHERE f.scope = $scope AND f.id > $after AND f.{property} IS NOT NULL "
    "RETURN f.id, f.{property} ORDER BY f.id LIMIT $limit"
)


async def renew_near(tx: Transaction, scope: str, space: Space, forms: Iterable[str]) -> None:
    """Finds anew what is close to some forms of a collection, in a space."""
    forms = list(forms)
    await forget_near(tx, forms)
    property_ = embedding_property(space)
    found = []
    for start in range(0, len(forms), _SLICE):
        part = forms[start : start + _SLICE]
        asked = await tx.many(VECTORS_OF.format(property=property_), ids=part)
        after = ""
        while asked:
            others = await tx.rows(PAGE.format(property=property_), scope=scope, after=after, limit=_SLICE)
            if not others:
                break
            after = others[-1][0]
            found += list(_close(asked, others, scope))
    await tx.each(WRITE_NEAR, found)
    if found:
        await tx.rows(FLAG)


async def forget_near(tx: Transaction, forms: Iterable[str]) -> None:
    """Forgets what is close to some forms."""
    await tx.rows(FORGET, ids=list(forms))


async def near_pairs(tx: Transaction, forms: Iterable[str]) -> dict[tuple[str, str], float]:
    """The pairs with one of some forms that are close, the smaller id first, with their cosine."""
    found = await tx.many(NEAR, ids=list(forms))
    return {(first, second): cosine for first, second, cosine in found}


async def near_of(tx: Transaction, scope: str) -> list[list[str]]:
    """All pairs of a collection that are close."""
    return await tx.many("MATCH (n:KagNear) WHERE n.scope = $scope RETURN n.first, n.second", scope=scope)


def _close(asked: list[list[Any]], others: list[list[Any]], scope: str) -> Iterator[dict[str, Any]]:
    import numpy as np

    rows, columns = (np.asarray([v for _, v in some], dtype=np.float32) for some in (asked, others))
    for i, j in zip(*np.nonzero(rows @ columns.T >= COSINE - _SLACK), strict=True):
        first, second = sorted((asked[i][0], others[j][0]))
        exact = round(float(np.dot(rows[i].astype(np.float64), columns[j].astype(np.float64))), _DIGITS)
        if first != second and exact >= COSINE:
            fields = {"first": first, "second": second, "cosine": exact, "scope": scope}
            yield {"pair": pair_key(first, second), "fields": fields}
