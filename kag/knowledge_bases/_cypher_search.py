"""Vector and text search on a graph server, with filters that never cost results.

A vector index gives the nearest of the whole store, so a filter is applied after it: the search asks for
more, in growing steps, until enough pass. What is small is scored exactly instead, which is quicker and
misses nothing. The text index knows collections and labels itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kag.errors import EmbeddingMismatchError, SearchError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction, plain
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_rows import embedding_property, facets_of, label_key, name_key, scopes
from kag.knowledge_bases._cypher_spaces import current_space
from kag.knowledge_bases._cypher_terms import asked
from kag.knowledge_bases._sqlite_text import STOP_WORDS
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Scored, TextSearch, VectorSearch

_EXACT = 300  # so many are scored one by one rather than through the index
_MOST_FETCHED = 20_000  # beyond this many of the index's answers, all are scored one by one
_SPARE = 50  # asked of the index beyond k: a wider search of its graph finds more of the true nearest


@dataclass(frozen=True, slots=True)
class _Filter:
    """Which nodes `n` a search may find.

    Args:
        conditions: Cypher; empty for none.
        parameters: Of the conditions.
        most: At most so many nodes pass.
        keys: Groups of keys, of each of which a node must have one; for an index that knows them.
    """

    conditions: str
    parameters: dict[str, Any]
    most: int
    keys: tuple[tuple[str, ...], ...] = ()


async def vector_search(tx: Transaction, dialect: Dialect, search: VectorSearch) -> list[Scored]:
    """Finds the nearest by cosine, best first.

    Raises:
        EmbeddingMismatchError: The vector's length is not the store's.
        SearchError: The vector is zero or not finite.
    """
    _check_target(search.target)
    space = await current_space(tx)
    if space is None or search.k < 1:
        return []
    vector = _unit(search, space.dimensions, space.model)
    narrowed = await _filter(tx, search)
    if narrowed is None:
        return []
    given = {**narrowed.parameters, "vector": vector, "k": search.k}
    fetch = search.k + _SPARE if not narrowed.conditions else max(4 * search.k, 200)
    while narrowed.most > _EXACT and fetch <= _MOST_FETCHED:
        statement, parameters = dialect.nearest(search.target, space, fetch, narrowed.conditions)
        found = await tx.rows(statement, **parameters, **given, rescored=search.k + _SPARE)
        if len(found) >= search.k or (search.target == "chunk" and not narrowed.conditions):
            return _scored(found)
        fetch *= 8
    exact = dialect.exact(search.target, embedding_property(space), narrowed.conditions)
    return _scored(await tx.rows(exact, **given))


async def text_search(tx: Transaction, dialect: Dialect, search: TextSearch) -> list[Scored]:
    """Finds the best by BM25, best first."""
    _check_target(search.target)
    terms = asked(clean(search.text), STOP_WORDS)
    if not terms or search.k < 1:
        return []
    narrowed = await _filter(tx, search)
    if narrowed is None:
        return []
    statement, parameters = dialect.matching(search.target, terms, narrowed.keys, narrowed.conditions)
    return _scored(await tx.rows(statement, **parameters, **narrowed.parameters, k=search.k))


async def named(tx: Transaction, dialect: Dialect, names: Sequence[str]) -> list[str]:
    """Ids of the entities that have one of some names."""
    keys = list(dict.fromkeys(name_key(name) for name in names))
    if not keys:
        return []
    found: dict[str, None] = {}
    for start in range(0, len(keys), 200):
        statement, parameters = dialect.named(keys[start : start + 200])
        found.update((i, None) for (i,) in await tx.rows(statement, **parameters))
    return list(found)


async def _filter(tx: Transaction, search: VectorSearch | TextSearch) -> _Filter | None:
    """What a search may find; None where that is nothing."""
    wanted = scopes(search.collections)
    known = {key: json.loads(tally) for key, _, tally in await tx.rows(statements.COLLECTIONS)}
    keys = [key for key in known if not wanted or key in wanted]
    most = sum(_count(known[key], search) for key in keys)
    if not most:
        return None
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    groups: list[tuple[str, ...]] = []
    in_index = isinstance(search, TextSearch)
    if len(keys) < len(known):
        groups.append(tuple(keys))
        if not in_index:
            conditions.append("n.scope IN $scopes")
            parameters["scopes"] = keys
    if search.label is not None and search.target == "entity":
        groups.append((label_key(search.label),))
        if not in_index:
            conditions.append("n.label = $label")
            parameters["label"] = clean(search.label)
    if search.properties and search.target == "entity":
        conditions.append("all(f IN $facets WHERE f IN n.facets)")
        parameters["facets"] = facets_of(search.properties)
    if search.document_ids or (search.properties and search.target == "chunk"):
        within = await _within(tx, search, keys)
        conditions.append("n.id IN $within")
        parameters["within"] = within
        most = min(most, len(within))
    return _Filter(" AND ".join(conditions), parameters, most, tuple(groups)) if most else None


async def _within(tx: Transaction, search: VectorSearch | TextSearch, keys: list[str]) -> list[str]:
    """Ids of what lies within documents."""
    conditions, parameters = ["d.scope IN $scopes"], dict[str, Any](scopes=keys)
    if search.document_ids:
        conditions.append("d.id IN $documents")
        parameters["documents"] = plain(search.document_ids)
    if search.target == "chunk" and search.properties:
        conditions.append("all(f IN $facets WHERE f IN d.facets)")
        parameters["facets"] = facets_of(search.properties)
    statement = statements.WITHIN[search.target].format(conditions=" AND ".join(conditions))
    return [i for (i,) in await tx.many(statement, **parameters)]


def _count(tally: dict[str, dict[str, int]], search: VectorSearch | TextSearch) -> int:
    """How many of a collection can be found at most."""
    counted = tally.get(search.target, {})
    if search.target == "entity" and search.label is not None:
        return counted.get(clean(search.label), 0)
    return sum(counted.values())


def _unit(search: VectorSearch, dimensions: int, model: str) -> list[float]:
    import numpy as np

    vector = np.asarray(search.vector, dtype=np.float64)
    if vector.shape != (dimensions,):
        raise EmbeddingMismatchError(
            f"The query has a vector of shape {vector.shape}; the store's are of {model} with "
            f"{dimensions} dimensions. Embed the query with that model."
        )
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or not norm:
        raise SearchError("The query's vector is zero or not finite; expected one that points somewhere.")
    values: list[float] = (vector / norm).tolist()
    return values


def _scored(found: list[list[Any]]) -> list[Scored]:
    return sorted((Scored(i, float(score)) for i, score in found), key=lambda item: (-item.score, item.id))


def _check_target(target: str) -> None:
    if target not in ("chunk", "entity"):
        raise SearchError(f"target is {target!r}; expected 'chunk' or 'entity'.")
