"""A small value that fits a schema, for tests and previews."""

from __future__ import annotations

from typing import Any

from kag.schema.document import Schema
from kag.schema.references import PREFIX
from kag.schema.values import Json

_PLAIN: dict[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}


def sample(schema: Schema) -> Json:
    """A value with the required properties, as small as the schema lets it be.

    Raises:
        SchemaError: It uses keywords (such as `pattern`) that this function cannot satisfy.
    """
    value: Json = _object(schema.json, schema.definitions)
    schema.check(value)
    return value


def _object(schema: Json, definitions: Json) -> Json:
    required = schema.get("required", ())
    kinds = schema.get("properties", {})
    return {key: _value(kinds.get(key, {}), definitions) for key in kinds if key in required}


def _value(schema: Json, definitions: Json) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].removeprefix(PREFIX)], definitions)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _value(schema[union][0], definitions)
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return _object(schema, definitions)
    if kind == "array":
        item = schema.get("items", {})
        return [_value(item, definitions) for _ in range(schema.get("minItems", 0))]
    return _bounded(kind, schema)


def _bounded(kind: str, schema: Json) -> Any:
    value = _PLAIN[kind]
    if kind == "string":
        return str(value).ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1_000_000)]
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", value - 1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", max(value, low) + 1))
        return value if low <= value <= high else low
    return value
