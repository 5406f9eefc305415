"""What `|` and `^` give before the values are known: one flat object that every possible outcome fits."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from kag.schema.concat import concat
from kag.schema.derived import object_schema, renamed
from kag.schema.document import Schema
from kag.schema.names import base_name, title
from kag.schema.references import merge_definitions, rename_references
from kag.schema.values import Json

_NOTES = ("title", "description", "examples", "default")


@lru_cache(maxsize=512)
def union(first: Schema, second: Schema, exact: tuple[bool, bool] = (True, True)) -> Schema:
    """The schema of `first | second`: the first alone, the second alone, or both side by side.

    A property is required if all three outcomes require it; one that has different types in them may have any
    of these.

    Args:
        first: Schema of the first operand.
        second: Schema of the second operand.
        exact: Whether each operand's value will have just that schema, or, being itself such a union, one of
            several within it.
    """
    return _flat(first, second, side_by_side(first, second, exact))


@lru_cache(maxsize=512)
def exclusive(first: Schema, second: Schema) -> Schema:
    """The schema of `first ^ second`: the first alone, or the second alone."""
    return _flat(first, second)


@lru_cache(maxsize=512)
def side_by_side(first: Schema, second: Schema, exact: tuple[bool, bool] = (True, True)) -> Schema:
    """The schema of `first + second`, also if an operand is a union; arguments as for `union`.

    What collides with a property that may be missing gets either name, depending on what is there at run
    time; both are then in the schema, and neither is required.
    """
    if all(exact):
        return concat(first, second).schema
    definitions, moved = merge_definitions(first.definitions, second.definitions)
    alternatives: dict[str, list[Json]] = {key: [kind] for key, kind in first.properties.items()}
    sure = set(first.properties if exact[0] else first.required)
    required = [key for key in first.properties if key in first.required]
    for key, kind in second.properties.items():
        places = _places(key, alternatives.keys(), sure)
        for place in places:
            here = rename_references(kind, moved) if moved else kind
            _add(alternatives.setdefault(place, []), here if place == key else renamed(here, title(place)))
        if len(places) == 1 and (exact[1] or key in second.required):
            sure.update(places)
        if len(places) == 1 and key in second.required:
            required += places
    joined = object_schema(
        {key: _any_of(kinds) for key, kinds in alternatives.items()},
        required,
        definitions=definitions,
        closed=first.closed and second.closed,
        title=first.title or second.title,
        description=first.json.get("description"),
    )
    return Schema.of(joined, trusted=True)


def _places(key: str, taken: Collection[str], sure: Collection[str]) -> list[str]:
    """Every name that a property of the second operand may get, given what is surely or perhaps taken."""
    if key not in taken:
        return [key]
    places = [] if key in sure else [key]
    root = base_name(key)
    roots = [root] if root in sure else [key] if root not in taken else [root, key]
    for stem in dict.fromkeys(roots):
        number = 1
        while (name := f"{stem}_{number}") in taken:
            if name not in sure:
                places.append(name)
            number += 1
        places.append(name)
    return list(dict.fromkeys(places))


def _flat(*outcomes: Schema) -> Schema:
    definitions: Json = {}
    alternatives: dict[str, list[Json]] = {}
    for outcome in outcomes:
        definitions, moved = merge_definitions(definitions, outcome.definitions)
        for key, schema in outcome.properties.items():
            _add(alternatives.setdefault(key, []), rename_references(schema, moved) if moved else schema)
    required = [key for key in alternatives if all(key in outcome.required for outcome in outcomes)]
    flat = object_schema(
        {key: _any_of(schemas) for key, schemas in alternatives.items()},
        required,
        definitions=definitions,
        closed=all(outcome.closed for outcome in outcomes),
        title=outcomes[0].title or outcomes[1].title,
        description=outcomes[0].json.get("description"),
    )
    return Schema.of(flat, trusted=True)


def _add(schemas: list[Json], schema: Json) -> None:
    """Adds an alternative, unless it differs from one that is there only in its title or description."""
    if _bare(schema) not in [_bare(known) for known in schemas]:
        schemas.append(schema)


def _any_of(schemas: list[Json]) -> Json:
    if len(schemas) == 1:
        return schemas[0]
    notes = {key: schemas[0][key] for key in _NOTES if key in schemas[0]}
    return {"anyOf": [_bare(schema) for schema in schemas], **notes}


def _bare(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key not in _NOTES}
