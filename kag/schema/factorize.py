"""Factorize: numbered copies of one property become one plural list (`query, query_1` gives `queries`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kag.schema.derived import Derived, object_schema, renamed
from kag.schema.document import Schema
from kag.schema.names import base_name, free_name, plural, stem, title
from kag.schema.references import PREFIX
from kag.schema.values import Json


@dataclass(frozen=True, slots=True)
class _Group:
    """Properties with one stem; with more than one member they become the list `name`."""

    name: str
    members: tuple[str, ...]
    lists: frozenset[str]

    @property
    def single(self) -> bool:
        return len(self.members) == 1


@lru_cache(maxsize=512)
def factorize(schema: Schema) -> Derived:
    """Gathers properties that differ only in their number or in being plural.

    Members that are lists are joined, the others appended, in the schema's order. A list property without
    siblings stays as it is; a lone numbered property loses its number. The list is required if one of its
    members is.
    """
    groups = _groups(schema)
    properties = {group.name: _property(schema, group) for group in groups}
    required = [group.name for group in groups if any(member in schema.required for member in group.members)]
    changed = object_schema(
        properties,
        required,
        definitions=schema.definitions,
        closed=schema.closed,
        title=schema.title,
        description=schema.json.get("description"),
    )
    return Derived(Schema.of(changed, trusted=True), lambda value: _value(value, groups))


def _groups(schema: Schema) -> tuple[_Group, ...]:
    members: dict[str, list[str]] = {}
    for key in schema.properties:
        members.setdefault(stem(key), []).append(key)
    lists = frozenset(key for key, kind in schema.properties.items() if _is_list(kind, schema.definitions))
    names: set[str] = set()
    groups = []
    for key, keys in members.items():
        name = free_name(base_name(keys[0]) if len(keys) == 1 else plural(key), names)
        names.add(name)
        groups.append(_Group(name, tuple(keys), lists & frozenset(keys)))
    return tuple(groups)


def _is_list(kind: Json, definitions: Json) -> bool:
    return _target(kind, definitions).get("type") == "array"


def _target(kind: Json, definitions: Json) -> Json:
    seen: set[str] = set()
    while isinstance(kind.get("$ref"), str) and kind["$ref"] not in seen:
        seen.add(kind["$ref"])
        kind = definitions.get(kind["$ref"].removeprefix(PREFIX), {})
    return kind


def _property(schema: Schema, group: _Group) -> Json:
    first = schema.properties[group.members[0]]
    if group.single:
        return first if group.name == group.members[0] else renamed(first, title(group.name))
    items: list[Json] = []
    for member in group.members:
        kind = schema.properties[member]
        if member in group.lists:
            kind = _items(_target(kind, schema.definitions))
        bare = {key: value for key, value in kind.items() if key not in ("title", "description", "default")}
        if bare not in items:
            items.append(bare)
    described = {"description": first["description"]} if "description" in first else {}
    kinds = items[0] if len(items) == 1 else {"anyOf": items}
    return {**described, "items": kinds, "title": title(group.name), "type": "array"}


def _items(kind: Json) -> Json:
    """What an array holds; tuples may hold different things at different places."""
    places = [place for place in kind.get("prefixItems", ()) if isinstance(place, dict)]
    rest = kind.get("items", {})
    if not places:
        return rest if isinstance(rest, dict) else {}
    return {"anyOf": [*places, rest]} if isinstance(rest, dict) else {"anyOf": places}


def _value(value: Json, groups: tuple[_Group, ...]) -> Json:
    result: Json = {}
    declared: set[str] = set()
    for group in groups:
        declared.update(group.members)
        present = [member for member in group.members if member in value]
        if present and group.single:
            result[group.name] = value[present[0]]
        elif present:
            gathered: list[Any] = []
            result[group.name] = gathered
            for member in present:
                gathered.extend(value[member] if member in group.lists else [value[member]])
    names = {group.name for group in groups}
    for key in value.keys() - declared:
        result[free_name(key, {*names, *result})] = value[key]
    return result
