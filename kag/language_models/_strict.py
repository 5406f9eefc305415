"""OpenAI's strict dialect of JSON Schema: what it can express, how it is written, how its nulls are undone.

The dialect: every object lists all its fields as required and forbids others; nothing stands beside a
reference; some keywords are unknown to OpenAI. Other servers turn bounds such as `maxLength` into a grammar,
without which a small model may never end, so they get those. What is dropped here is still checked, with the
full schema, when the answer comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kag.language_models.base import Json

UNKNOWN = frozenset({
    "default", "examples", "minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties",
    "patternProperties", "propertyNames", "contains", "minContains", "maxContains",
    "unevaluatedProperties", "unevaluatedItems", "discriminator", "contentEncoding", "contentMediaType",
    "deprecated", "readOnly", "writeOnly", "$schema", "$id", "$comment",
    "key", "merge",  # what fields of entity models say of identity and merging
})  # fmt: skip
BOUNDS = frozenset({
    "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minProperties",
    "maxProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
})  # fmt: skip
_INEXPRESSIBLE = {"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "prefixItems"}
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf")


def expressible(schema: Mapping[str, Any]) -> bool:
    """Tells whether strict mode can express a schema: an object with named fields, and no open maps below."""
    return schema.get("type") == "object" and "properties" in schema and _closed(schema)


def _closed(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    if _INEXPRESSIBLE & schema.keys() or len(schema.get("allOf", ())) > 1:
        return False
    if schema.get("type") == "object" and ("properties" not in schema or schema.get("additionalProperties")):
        return False
    if schema.get("type") == "array" and "items" not in schema:
        return False
    return all(_closed(child) for child in _children(schema))


def _children(schema: Mapping[str, Any]) -> list[Any]:
    found = [child for key in _MAPS for child in schema.get(key, {}).values()]
    found += [child for key in _LISTS for child in schema.get(key, ())]
    return [*found, schema["items"]] if "items" in schema else found


def bounds_in(schema: Any) -> frozenset[str]:
    """Returns the keywords in a schema that bound a value beyond its type."""
    if not isinstance(schema, Mapping):
        return frozenset()
    return (BOUNDS & schema.keys()).union(*(bounds_in(child) for child in _children(schema)))


def without(schema: Any, drop: Callable[[str, Any], bool]) -> Any:
    """Returns a schema without the keywords, with their values, that are to be dropped at every depth."""
    if not isinstance(schema, Mapping):
        return schema
    kept: Json = {key: value for key, value in schema.items() if not drop(key, value)}
    for key in _MAPS:
        if key in kept:
            kept[key] = {name: without(child, drop) for name, child in kept[key].items()}
    for key in _LISTS:
        if key in kept:
            kept[key] = [without(child, drop) for child in kept[key]]
    if "items" in kept:
        kept["items"] = without(kept["items"], drop)
    return kept


def is_open_pattern(key: str, value: Any) -> bool:
    """Tells whether it is a pattern that may match a part, for which llama.cpp drops the whole grammar."""
    return key == "pattern" and not (str(value).startswith("^") and str(value).endswith("$"))


def strict(schema: Mapping[str, Any], unknown: frozenset[str] = UNKNOWN) -> Json:
    """Returns a schema in the strict dialect, without the keywords that are unknown to the server."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if len(schema.get("allOf", ())) == 1:
        return strict(schema["allOf"][0], unknown)
    written: Json = {}
    for key, value in schema.items():
        if key == "properties":
            required = set(schema.get("required", ()))
            written[key] = {
                name: strict(child, unknown) if name in required else _nullable(strict(child, unknown))
                for name, child in value.items()
            }
        elif key in ("$defs", "definitions"):
            written[key] = {name: strict(child, unknown) for name, child in value.items()}
        elif key in _LISTS:
            written["anyOf"] = [strict(child, unknown) for child in value]
        elif key == "items":
            written[key] = strict(value, unknown)
        elif key not in unknown:
            written[key] = value
    if "properties" in written:
        written |= {"required": list(written["properties"]), "additionalProperties": False}
    return written


def _nullable(schema: Json) -> Json:
    kind = schema.get("type")
    if _takes_null(schema):
        return schema
    if isinstance(kind, str) and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [kind, "null"]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [schema, {"type": "null"}]}


def _takes_null(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind) or None in schema.get("enum", ()):
        return True
    return any(_takes_null(child) for child in schema.get("anyOf", ()))


def drop_nulls(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Returns a value without the nulls that stand for absent optional fields.

    Args:
        value: What the model answered.
        schema: The original schema of this value.
        root: The whole schema, for references.
    """
    schema = _branch(value, schema, root)
    if isinstance(value, list):
        return [drop_nulls(item, schema.get("items") or {}, root) for item in value]
    if not isinstance(value, dict):
        return value
    fields, required = schema.get("properties", {}), schema.get("required", ())
    return {
        key: drop_nulls(item, fields.get(key, {}), root)
        for key, item in value.items()
        if item is not None or key in required or key not in fields or _takes_null(_target(fields[key], root))
    }


def _target(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows references within the schema."""
    for _ in range(20):
        if not isinstance(schema, Mapping) or not str(schema.get("$ref", "")).startswith("#/"):
            break
        node: Any = root
        for key in schema["$ref"][2:].split("/"):
            node = node.get(key, {}) if isinstance(node, Mapping) else {}
        schema = node
    return dict(schema) if isinstance(schema, Mapping) else {}


def _branch(value: Any, schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the branch of a union that a value was meant for: the one whose fields cover the value's."""
    whole = _target(schema, root)
    options = [_target(option, root) for key in _LISTS for option in whole.get(key, ())]
    for option in options:
        if isinstance(value, list) and option.get("type") == "array":
            return option
        if isinstance(value, dict) and "properties" in option and value.keys() <= option["properties"].keys():
            return option
    return whole
