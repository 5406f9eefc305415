"""JSON schemas for fake providers: a valid instance, what strict mode refuses, a schema in a prompt."""

from __future__ import annotations

import json
import re
from typing import Any

Json = dict[str, Any]

STRICT_KEYWORDS = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref",
    "$defs", "title", "description", "pattern", "format", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
}  # fmt: skip


class RefusedError(Exception):
    """The server answers with an error status."""

    def __init__(self, status: int, body: Json | str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def refuse(
    message: str, *, status: int = 400, code: str | None = None, param: str | None = None
) -> RefusedError:
    """An error in the form that OpenAI made common."""
    return RefusedError(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    )


def instance(schema: Any, root: Any = None) -> Any:
    """A small value that is valid for a schema; where null is allowed it is null."""
    root = root or schema
    if "$ref" in schema:
        node = root
        for key in schema["$ref"][2:].split("/"):
            node = node[key]
        return instance(node, root)
    for key in ("const", "enum"):
        if key in schema:
            return schema[key] if key == "const" else schema[key][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            nullable = any(option.get("type") == "null" for option in schema[union])
            return None if nullable else instance(schema[union][0], root)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    return typed_instance(kind, schema, root)


def typed_instance(kind: str, schema: Json, root: Json) -> Any:
    """A small value of one type, within the schema's bounds."""
    if kind == "object":
        return {key: instance(child, root) for key, child in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}), root) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind == "string":
        return ("Paris" * (1 + schema.get("minLength", 0) // 5))[: schema.get("maxLength", 99)]
    values = {
        "integer": int(schema.get("minimum", 1)),
        "number": float(schema.get("minimum", 0.5)),
        "boolean": True,
    }
    return values.get(kind)


def keywords_in(schema: Any) -> set[str]:
    """The keywords of a schema at every depth; names of properties are none."""
    if not isinstance(schema, dict):
        return set()
    maps = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    children = [*maps, *schema.get("anyOf", ()), schema.get("items")]
    return set(schema).union(*(keywords_in(child) for child in children))


def check_strict(schema: Any, path: str = "()") -> None:
    """Refuses what OpenAI's strict mode refuses."""
    if why := wrong_in_strict_mode(schema):
        raise refuse(
            f"Invalid schema for response_format 'Answer': In context={path}, {why}",
            code="invalid_json_schema",
            param="text.format.schema",
        )
    if "$ref" in schema:
        return
    children = [*schema.get("properties", {}).items(), *schema.get("$defs", {}).items()]
    children += [(str(number), option) for number, option in enumerate(schema.get("anyOf", ()))]
    children += [("items", schema["items"])] if "items" in schema else []
    for name, child in children:
        check_strict(child, f"({path}, {name!r})")


def wrong_in_strict_mode(schema: Json) -> str:
    """Why strict mode refuses this level of a schema, or nothing."""
    kind, keys = schema.get("type"), schema.keys()
    if "$ref" in keys:
        return f"$ref cannot have keywords {sorted(keys - {'$ref'})}." if keys != {"$ref"} else ""
    if unknown := keys - STRICT_KEYWORDS:
        return f"{sorted(unknown)} is not permitted."
    if not keys & {"type", "anyOf", "enum", "const"}:
        return "schema must have a 'type' key."
    if kind == "array" and "items" not in keys:
        return "array schema missing items."
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    if kind == "object" and set(schema.get("required", ())) != set(schema.get("properties", {})):
        return "'required' is required to be an array including every key in properties."
    return ""


def schema_in_prompt(messages: list[Json]) -> Json | None:
    """The first JSON schema that stands in a message."""
    decoder = json.JSONDecoder()
    for message in messages:
        text = message.get("content") if isinstance(message.get("content"), str) else ""
        for found in re.finditer(r"\{", text):
            try:
                value, _ = decoder.raw_decode(text, found.start())
            except ValueError:
                continue
            if isinstance(value, dict) and "properties" in value:
                return value
    return None
