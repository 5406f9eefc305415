"""Data model classes from a file: the registered class, or a new one that is made from its schema."""

from __future__ import annotations

import keyword
from typing import Any

from pydantic import ConfigDict, Field, create_model, model_validator

from kag.data_models.data_model import DataModel
from kag.data_models.knowledge import Entity, Relation
from kag.errors import SchemaError
from kag.schema import Schema
from kag.schema.values import Json


class _FromSchema(DataModel):
    """The base of classes that are known by their schema only; values are checked against it."""

    model_config = ConfigDict(protected_namespaces=(), populate_by_name=True)

    def get_json(self) -> Json:
        """The value as a new dict; what was left out and has no default is left out."""
        schema = type(self)._kag_schema[0]
        dumped = self.model_dump(mode="json", by_alias=True)
        return {key: value for key, value in dumped.items() if value is not None or key in schema.required}

    @model_validator(mode="after")
    def _fits(self) -> _FromSchema:
        try:
            type(self)._kag_schema[0].check(self.get_json())
        except SchemaError as error:
            raise ValueError(str(error)) from None
        return self


def class_from_schema(name: str, schema: Schema) -> type[DataModel]:
    """A data model class with a given schema; an entity or a relation where the schema is one's."""
    bases: tuple[type[DataModel], ...] = (_FromSchema,)
    if schema.properties.keys() >= {"subj", "label", "obj"}:
        bases = (_FromSchema, Relation)
    elif "label" in schema.properties:
        bases = (_FromSchema, Entity)
    fields = dict(_field(key, number, schema) for number, key in enumerate(schema.properties))
    return _with_schema(create_model(name, __base__=bases, **fields), schema)


def _with_schema(model: type[DataModel], schema: Schema) -> type[DataModel]:
    """The class, which from now on has this schema instead of one of its own."""
    model._kag_schema = (schema, False)
    return model


def _field(key: str, number: int, schema: Schema) -> tuple[str, Any]:
    default = ... if key in schema.required else schema.properties[key].get("default")
    plain = key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("_")
    if plain and (key in ("subj", "label", "obj") or not hasattr(DataModel, key)):
        return key, (Any, Field(default))
    return f"field_{number}", (Any, Field(default, alias=key))
