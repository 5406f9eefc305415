"""Whether one object's properties are among another's, by name and type; descriptions do not matter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import orjson

from kag.schema.document import Schema
from kag.schema.references import PREFIX, map_subschemas
from kag.schema.values import Json

_NOTES = frozenset(("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"))


def contains(whole: Schema, part: Schema) -> bool:
    """Whether every property of `part` is a property of `whole` with the same type."""
    if whole is part:
        return True
    types = _types(whole)
    return all(types.get(name) == kind for name, kind in _types(part).items())


@lru_cache(maxsize=512)
def _types(schema: Schema) -> Mapping[str, bytes]:
    return {name: _type_of(kind, schema.definitions) for name, kind in schema.properties.items()}


def _type_of(schema: Json, definitions: Json) -> bytes:
    """A type as text, references written out, so that the names of definitions do not matter."""
    trail: list[str] = []

    def expand(level: Json) -> Json:
        ref = level.get("$ref")
        if not isinstance(ref, str):
            return map_subschemas({k: v for k, v in level.items() if k not in _NOTES}, expand)
        name = ref.removeprefix(PREFIX)
        if name in trail:  # a recursive model: how far up the repetition is
            return {"$ref": str(len(trail) - trail.index(name))}
        trail.append(name)
        target = expand(definitions[name])
        trail.pop()
        return target

    return orjson.dumps(_sorted_sets(expand(schema)), option=orjson.OPT_SORT_KEYS)


def _sorted_sets(schema: Json) -> Json:
    """The order of required names means nothing."""
    result = map_subschemas(schema, _sorted_sets)
    if isinstance(result.get("required"), list):
        result["required"] = sorted(result["required"])
    return result
