"""What a function over one schema gives: the new schema, and how values of the old one fit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kag.schema.document import Schema
from kag.schema.values import Json


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A schema computed from another, with the matching change of values.

    Args:
        schema: The new schema.
        value: Makes a value of the new schema from a value of the old one; nested values are shared, not
            copied.
    """

    schema: Schema
    value: Callable[[Json], Json]


def object_schema(
    properties: Json,
    required: list[str],
    *,
    definitions: Json,
    closed: bool,
    title: str,
    description: str | None = None,
) -> Json:
    """An object schema, with its keys in the order that pydantic gives them."""
    schema: Json = {"$defs": definitions} if definitions else {}
    if closed:
        schema["additionalProperties"] = False
    if description:
        schema["description"] = description
    schema["properties"] = properties
    if required:
        schema["required"] = required
    if title:
        schema["title"] = title
    schema["type"] = "object"
    return schema


def renamed(property_schema: Json, title: str) -> Json:
    """A property's schema under a new name; one that has no title (a reference) gets none."""
    return {**property_schema, "title": title} if "title" in property_schema else property_schema
