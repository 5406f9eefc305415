"""Queries of people and models on a graph server: guarded, read-only, with a time-out and a row cap."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kag.errors import QueryError, SearchError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Bolt, our_errors
from kag.knowledge_bases._cypher_guard import require_read_only
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import QueryResult

_MOST_ROWS = 10_000
_MOST_SECONDS = 600.0
_PATIENCE = 5.0  # seconds that the server has to stop a query by itself
_TIMED_OUT = ("TransactionTimedOut", "Transaction was asked to abort", "transaction timeout")
_INT64 = 2**63


async def read_query(
    bolt: Bolt,
    query: str,
    parameters: dict[str, Any],
    collections: Sequence[str],
    limit: int,
    seconds: float,
) -> QueryResult:
    """Runs a query that can only read; `$collections` are the names that it may look in.

    Raises:
        SearchError: It is refused, cannot be parsed, fails or takes too long, or a limit is out of range.
    """
    if not 1 <= limit <= _MOST_ROWS or not 0 < seconds <= _MOST_SECONDS:
        raise SearchError(
            f"limit is {limit} and seconds {seconds}; expected 1 to {_MOST_ROWS:,} rows and more "
            f"than 0, at most {_MOST_SECONDS:g} seconds."
        )
    try:
        await asyncio.to_thread(require_read_only, query)
    except QueryError as error:
        raise SearchError(str(error)) from error
    names = [clean(name) for name in collections]
    if not names:
        names = [name for _, name, _ in await bolt.read(lambda tx: tx.rows(statements.COLLECTIONS))]
    given = {**parameters, "collections": names}
    columns, rows = await _run(bolt, query, given, limit + 1, seconds)
    return QueryResult(
        columns=tuple(columns),
        rows=tuple(tuple(as_json(value) for value in row) for row in rows[:limit]),
        truncated=len(rows) > limit,
    )


async def _run(
    bolt: Bolt, query: str, parameters: Mapping[str, Any], most: int, seconds: float
) -> tuple[list[str], list[list[Any]]]:
    from neo4j.exceptions import ClientError, Neo4jError

    with our_errors(bolt.where):
        try:
            async with asyncio.timeout(seconds + _PATIENCE):
                return await bolt.query(query, parameters, most, seconds)
        except TimeoutError as error:
            raise _too_long(seconds) from error
        except Neo4jError as error:
            code = error.code or ""
            message = (error.message or "").strip().splitlines()[0][:500]
            if any(part in code + message for part in _TIMED_OUT):
                raise _too_long(seconds) from error
            if not isinstance(error, ClientError) or "Security" in code:
                raise
            raise SearchError(f"The query cannot be run: {message} ({code})") from error
        except (TypeError, ValueError) as error:
            raise SearchError(
                f"The query's parameters cannot be sent: {error}; expected text, numbers, truth values, "
                "and lists and objects of these."
            ) from error


def _too_long(seconds: float) -> SearchError:
    return SearchError(
        f"The query was stopped: it took more than {seconds:g} seconds. Ask for less, or filter by id."
    )


def as_json(value: Any) -> Any:
    """A value of the server as a JSON value: nodes and relationships become objects, dates become text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    return _graph_value(value)


def _graph_value(value: Any) -> Any:
    from neo4j.graph import Node, Path, Relationship

    if isinstance(value, Node):
        return {"labels": sorted(value.labels), "properties": _shown(value)}
    if isinstance(value, Relationship):
        ends = {"start": _identity(value.start_node), "end": _identity(value.end_node)}
        return {"type": value.type, **ends, "properties": _shown(value)}
    if isinstance(value, Path):
        return {
            "nodes": [_graph_value(node) for node in value.nodes],
            "relationships": [_graph_value(relation) for relation in value.relationships],
        }
    return value.iso_format() if callable(getattr(value, "iso_format", None)) else str(value)


def _identity(node: Any) -> Any:
    return None if node is None else node.get("id", node.element_id)


_HIDDEN = frozenset(
    "scope keys facets terms context_terms name_terms alias_terms description_terms names votes sources "
    "digest".split()
)  # what searches and merges keep beside the records


def _shown(value: Any) -> dict[str, Any]:
    """The properties of a node or relationship without vectors and what only the store itself needs."""
    return {
        key: as_json(item)
        for key, item in value.items()
        if key not in _HIDDEN and not key.startswith("embedding_")
    }
