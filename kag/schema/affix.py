"""Prefix and suffix: every top-level property renamed, everything else (also what is required) as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from kag.errors import SchemaError
from kag.schema.derived import Derived, renamed
from kag.schema.document import Schema
from kag.schema.names import title
from kag.schema.values import Json


@lru_cache(maxsize=512)
def prefix(schema: Schema, text: str) -> Derived:
    """Renames every top-level property from `key` to `<text>_key`."""
    _check(text)
    return _rename(schema, lambda key: f"{text}_{key}")


@lru_cache(maxsize=512)
def suffix(schema: Schema, text: str) -> Derived:
    """Renames every top-level property from `key` to `key_<text>`."""
    _check(text)
    return _rename(schema, lambda key: f"{key}_{text}")


def _check(text: object) -> None:
    if not isinstance(text, str) or not text:
        raise SchemaError(f"A prefix or suffix must be a non-empty string; got {text!r}.")


def _rename(schema: Schema, name: Callable[[str], str]) -> Derived:
    properties = {name(key): renamed(kind, title(name(key))) for key, kind in schema.properties.items()}
    changed: Json = {**schema.json, "properties": properties}
    if "required" in changed:
        changed["required"] = [name(key) for key in changed["required"]]
    for keyword in ("dependentRequired", "dependentSchemas", "patternProperties", "propertyNames"):
        changed.pop(keyword, None)
    return Derived(
        Schema.of(changed, trusted=True), lambda value: {name(key): item for key, item in value.items()}
    )
