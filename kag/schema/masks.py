"""Masks: keep or remove properties by name, at the top or at every depth, in schemas and values alike.

Names are compared without the number of a collision and in the singular: `queries` in a mask means `query`,
`query_1`, `queries`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kag.errors import SchemaError
from kag.schema.derived import Derived
from kag.schema.document import Schema
from kag.schema.names import base_name, stem
from kag.schema.references import map_subschemas, prune
from kag.schema.values import Json

Keep = Callable[[str], bool]

# What a value may no longer fulfil once properties are gone.
_FRAGILE = (
    "minProperties",
    "dependentRequired",
    "dependentSchemas",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "discriminator",
    "enum",
    "const",
    "not",
    "if",
    "then",
    "else",
)


@lru_cache(maxsize=512)
def in_mask(
    schema: Schema, mask: tuple[str, ...] | None = None, pattern: str | None = None, recursive: bool = True
) -> Derived:
    """Keeps only the properties that the mask or the pattern names.

    Args:
        schema: What to mask.
        mask: Names to keep; with `recursive`, nested names must be listed too, or nested objects become
            empty.
        pattern: Regular expression, searched in the name without its number.
        recursive: Mask nested objects as well.

    Raises:
        SchemaError: Neither mask nor pattern is given, or the pattern is not a regular expression.
    """
    named = _matcher(mask, pattern)
    return _masked(schema, named, recursive=recursive)


@lru_cache(maxsize=512)
def out_mask(
    schema: Schema, mask: tuple[str, ...] | None = None, pattern: str | None = None, recursive: bool = True
) -> Derived:
    """Removes the properties that the mask or the pattern names; arguments as for `in_mask`."""
    named = _matcher(mask, pattern)
    return _masked(schema, lambda key: not named(key), recursive=recursive)


def _matcher(mask: tuple[str, ...] | None, pattern: str | None) -> Keep:
    if mask is None and pattern is None:
        raise SchemaError(
            "A mask needs names (mask=[...]) or a regular expression (pattern=...); got neither."
        )
    names = frozenset(stem(name) for name in mask or ()) | frozenset(mask or ())
    try:
        regex = re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise SchemaError(f"The mask's pattern {pattern!r} is not a regular expression: {error}.") from None

    def named(key: str) -> bool:
        by_name = key in names or stem(key) in names
        return by_name or (regex is not None and regex.search(base_name(key)) is not None)

    return named


def _masked(schema: Schema, keep: Keep, *, recursive: bool) -> Derived:
    if recursive:
        masked = prune(_mask_schema(schema.json, keep))
        return Derived(Schema.of(masked, trusted=True), lambda value: _mask_value(value, keep))
    masked = prune(_mask_level(schema.json, keep))
    return Derived(Schema.of(masked, trusted=True), lambda value: {k: v for k, v in value.items() if keep(k)})


def _mask_schema(schema: Json, keep: Keep) -> Json:
    return map_subschemas(_mask_level(schema, keep), lambda below: _mask_schema(below, keep))


def _mask_level(schema: Json, keep: Keep) -> Json:
    """Masks one level, and drops what the masked value could break; `oneOf` becomes `anyOf`."""
    objects = isinstance(schema.get("properties"), dict)
    data = [*schema.get("enum", ()), schema.get("const")]
    fragile = (
        _FRAGILE if objects or any(isinstance(item, dict | list) for item in data) else _FRAGILE_ANYWHERE
    )
    result = {key: value for key, value in schema.items() if key not in fragile}
    alternatives = result.pop("oneOf", None)
    if alternatives is not None:
        result.setdefault("anyOf", alternatives)
    if objects:
        result["properties"] = {key: kind for key, kind in result["properties"].items() if keep(key)}
    if isinstance(result.get("required"), list):
        result["required"] = [key for key in result["required"] if keep(key)]
        if not result["required"]:
            del result["required"]
    return result


_FRAGILE_ANYWHERE = tuple(key for key in _FRAGILE if key not in ("enum", "const"))


def _mask_value(value: Any, keep: Keep) -> Any:
    if isinstance(value, dict):
        return {key: _mask_value(item, keep) for key, item in value.items() if keep(key)}
    if isinstance(value, list):
        return [_mask_value(item, keep) for item in value]
    return value
