"""Concatenation: the properties of two objects side by side; what collides is numbered `_1`, `_2`, ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kag.schema.derived import object_schema, renamed
from kag.schema.document import Schema
from kag.schema.names import free_name, title
from kag.schema.references import merge_definitions, rename_references
from kag.schema.values import Json


@dataclass(frozen=True, slots=True, eq=False)
class Concatenation:
    """The schema of two objects side by side, and how their values are joined.

    Args:
        schema: Properties of the first, then of the second, in order.
        first: Properties that the first object declares.
        second: Properties that the second object declares, with their names in the result.
        renames: Only those of the second that have another name in the result.
        closed: Neither object takes undeclared properties.
    """

    schema: Schema
    first: frozenset[str]
    second: Mapping[str, str]
    renames: Mapping[str, str]
    closed: bool

    def value(self, first: Json, second: Json) -> Json:
        """Joins two values; nested values are shared, not copied."""
        if not self.closed:
            return self._open_value(first, second)
        if not self.renames:
            return {**first, **second}
        names = self.second
        return {**first, **{names[key]: item for key, item in second.items()}}

    def _open_value(self, first: Json, second: Json) -> Json:
        """Declared properties have the schema's names; the others keep theirs where nothing else has it."""
        taken = {*self.schema.properties}
        result: Json = {}
        for key, item in first.items():
            result[key if key in self.first else free_name(key, {*taken, *result})] = item
        for key, item in second.items():
            result[self.second.get(key) or free_name(key, {*taken, *result})] = item
        return result


@lru_cache(maxsize=512)
def concat(first: Schema, second: Schema) -> Concatenation:
    """Puts the properties of two schemas side by side.

    A property is required if the object that it comes from requires it. Definitions of one name and different
    content are renamed in the second. The result takes undeclared properties if one of the two does.
    """
    definitions, moved = merge_definitions(first.definitions, second.definitions)
    properties: Json = dict(first.properties)
    names: dict[str, str] = {}
    for key, schema in second.properties.items():
        name = names[key] = free_name(key, properties)
        here = rename_references(schema, moved) if moved else schema
        properties[name] = here if name == key else renamed(here, title(name))
    required = [key for key in first.properties if key in first.required]
    required += [name for key, name in names.items() if key in second.required]
    joined = object_schema(
        properties,
        required,
        definitions=definitions,
        closed=first.closed and second.closed,
        title=first.title or second.title,
        description=first.json.get("description"),
    )
    renames = {key: name for key, name in names.items() if key != name}
    closed = first.closed and second.closed
    return Concatenation(Schema.of(joined, trusted=True), frozenset(first.properties), names, renames, closed)
