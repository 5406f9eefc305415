"""References inside a JSON schema: walked, renamed, merged, pruned, all in the form `#/$defs/<name>`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from kag.errors import SchemaError
from kag.schema.names import free_name
from kag.schema.values import Json

PREFIX = "#/$defs/"

_MAPS = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
_SINGLES = frozenset(
    (
        *("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems"),
        *("contains", "propertyNames", "not", "if", "then", "else"),
    )
)


def map_subschemas(schema: Json, change: Callable[[Json], Json]) -> Json:
    """Copies one level of a schema with `change` applied to every schema directly below it."""
    result: Json = {}
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            result[key] = {name: change(s) if isinstance(s, dict) else s for name, s in value.items()}
        elif key in _LISTS and isinstance(value, list):
            result[key] = [change(s) if isinstance(s, dict) else s for s in value]
        elif key in _SINGLES and isinstance(value, dict):
            result[key] = change(value)
        else:
            result[key] = value
    return result


def rename_references(schema: Json, names: Mapping[str, str]) -> Json:
    """Copies a schema with references to renamed definitions rewritten; `$defs` keeps its keys."""

    def change(level: Json) -> Json:
        result = map_subschemas(level, change)
        if isinstance(result.get("$ref"), str):
            result["$ref"] = _renamed(result["$ref"], names)
        mapping = (result.get("discriminator") or {}).get("mapping") if "discriminator" in result else None
        if isinstance(mapping, dict):
            changed = {tag: _renamed(ref, names) for tag, ref in mapping.items()}
            result["discriminator"] = {**result["discriminator"], "mapping": changed}
        return result

    return change(schema)


def merge_definitions(first: Json, second: Json) -> tuple[Json, dict[str, str]]:
    """Joins two `$defs`; what has one name and two contents is renamed in the second, never overwritten.

    Returns:
        The joint definitions, and old to new name for the second schema's references.
    """
    clashing = {name for name in second if name in first and first[name] != second[name]}
    grown = True
    while grown:  # a shared definition that refers to a renamed one has two contents as well
        more = {n for n in second if n in first and n not in clashing and clashing & references(second[n])}
        clashing |= more
        grown = bool(more)
    names: dict[str, str] = {}
    taken = {*first, *second}
    for name in second:
        if name in clashing:
            names[name] = free_name(name, taken)
            taken.add(names[name])
    merged = dict(first)
    for name, schema in second.items():
        merged[names.get(name, name)] = rename_references(schema, names) if names else schema
    return merged, names


def references(schema: Json) -> set[str]:
    """Names of the definitions that a schema refers to directly, at any depth."""
    found: set[str] = set()

    def visit(level: Json) -> Json:
        ref = level.get("$ref")
        if isinstance(ref, str) and ref.startswith(PREFIX):
            found.add(ref[len(PREFIX) :])
        return map_subschemas(level, visit)

    visit({key: value for key, value in schema.items() if key != "$defs"})
    return found


def prune(schema: Json) -> Json:
    """Copies a schema without the definitions that nothing refers to."""
    definitions = schema.get("$defs")
    if definitions is None:
        return schema
    wanted, queue = set[str](), list(references(schema))
    while queue:
        name = queue.pop()
        if name not in wanted and name in definitions:
            wanted.add(name)
            queue.extend(references(definitions[name]))
    kept = {name: s for name, s in definitions.items() if name in wanted}
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    return {"$defs": kept, **rest} if kept else rest


def localize(schema: Json) -> Json:
    """Brings every reference into the form `#/$defs/<name>`, also those to the root and to other places.

    Raises:
        SchemaError: A reference leaves the document or points nowhere.
    """
    definitions: Json = {**(schema.get("definitions") or {}), **(schema.get("$defs") or {})}
    names: dict[str, str] = {}

    def change(level: Json) -> Json:
        result = map_subschemas({k: v for k, v in level.items() if k != "definitions"}, change)
        ref = result.get("$ref")
        if isinstance(ref, str):
            result["$ref"] = PREFIX + local_name(ref)
        return result

    def local_name(ref: str) -> str:
        plain = ref.removeprefix(PREFIX if ref.startswith(PREFIX) else "#/definitions/")
        if plain in definitions and plain != ref:
            return plain
        if ref not in names:
            target = _resolve(schema, ref)
            names[ref] = free_name(
                str(target.get("title") or ref.rpartition("/")[2].strip("#") or "Root"), definitions
            )
            definitions[names[ref]] = {}
            definitions[names[ref]] = change(
                {k: v for k, v in target.items() if k not in ("$defs", "definitions")}
            )
        return names[ref]

    body = change({key: value for key, value in schema.items() if key not in ("$defs", "definitions")})
    for name in [*(schema.get("definitions") or {}), *(schema.get("$defs") or {})]:
        definitions[name] = change(definitions[name])
    return {"$defs": definitions, **body} if definitions else body


def _renamed(ref: str, names: Mapping[str, str]) -> str:
    name = ref.removeprefix(PREFIX)
    return PREFIX + names[name] if name in names and ref.startswith(PREFIX) else ref


def _resolve(schema: Json, ref: str) -> Json:
    target: Any = schema
    if ref.startswith("#"):
        for part in ref[1:].split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            else:
                target = target.get(key) if isinstance(target, dict) else None
        if isinstance(target, dict):
            return target
    raise SchemaError(f"A JSON schema refers to {ref!r}, which is not in it; put the definition under $defs.")
