"""The JSON schemas of results: entities, facts, paths, passages and rows, each with its sources."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from kag.schema import Schema
from kag.schema.values import Json, json_text

_TEXT: Json = {"type": "string"}


def _object(properties: Json, optional: Iterable[str] = (), *, closed: bool = True) -> Json:
    left_out = set(optional)
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": not closed,
    }


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_SOURCE = _object(
    {
        "chunk_id": _TEXT,
        "document_id": _TEXT,
        "title": _TEXT,
        "uri": _TEXT,
        "page": {"type": "integer"},
        "span": {**_list({"type": "integer"}), "description": "Start and end in the document's text"},
        "quote": {**_TEXT, "description": "The words there"},
    },
    optional=("page", "quote"),
)
_SCORE = {"type": "number", "description": "Similarity, 0 to 1; higher is better"}
_PROVENANCE = {**_list(_SOURCE), "description": "Where it is said"}
_NAMED = _object({"id": _TEXT, "label": _TEXT, "name": _TEXT}, closed=False)
ENTITY = _object(
    {
        "id": _TEXT,
        "label": _TEXT,
        "name": _TEXT,
        "aliases": _list(_TEXT),
        "description": _TEXT,
        "score": _SCORE,
        "provenance": _PROVENANCE,
    },
    optional=("aliases", "description"),
    closed=False,
)
FACT = _object(
    {
        "id": _TEXT,
        "subj": _NAMED,
        "label": _TEXT,
        "obj": _NAMED,
        "description": _TEXT,
        "score": _SCORE,
        "provenance": _PROVENANCE,
    },
    optional=("description",),
    closed=False,
)
PATH = _object(
    {
        "entities": {**_list(_NAMED), "description": "From one end to the other"},
        "relations": {**_list(FACT), "description": "Each joins an entity and the next"},
        "score": _SCORE,
        "provenance": _PROVENANCE,
    }
)
PASSAGE = _object(
    {
        "id": _TEXT,
        "title": _TEXT,
        "headings": _list(_TEXT),
        "text": _TEXT,
        "score": _SCORE,
        "provenance": _PROVENANCE,
        "path": {
            "type": "array",
            "description": "How it was found, from the question on",
            "items": _object(
                {"kind": _TEXT, "id": _TEXT, "name": _TEXT, "edge": _TEXT, "quote": _TEXT},
            ),
        },
    },
    optional=("headings", "path"),
)


COMMUNITY = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "entities": {
            **_list(_TEXT),
            "description": "Names of those that tie it together, most telling first",
        },
        "passages": {"type": "integer", "description": "How many belong to it"},
        "text": {**_TEXT, "description": "The summary"},
        "score": _SCORE,
        "provenance": _PROVENANCE,
    }
)


ROW = _object({"row": {"type": "object"}, "provenance": _PROVENANCE})


def result_schema(item: Json) -> Schema:
    """The schema of an object with a list of results."""
    return _result_schema(json_text(item))


@lru_cache(maxsize=64)
def _result_schema(item: str) -> Schema:
    results = {**_list(json.loads(item)), "description": "What was found, best first"}
    return Schema.of({**_object({"result": results}), "title": "Result"}, trusted=True)
