"""The value that flows through a program: JSON with its schema, checked on entry, trusted afterwards."""

from __future__ import annotations

import json as stdlib_json
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, final

from kag.data_models.operations import BinaryOperation, Operand, UnaryOperation
from kag.data_models.operators import Operators
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError
from kag.schema import Schema, copy_json
from kag.schema.values import Json

if TYPE_CHECKING:
    from kag.data_models.operations import Result


@final
class JsonDataModel(Operand, Operators):
    """A JSON object together with its schema; it never changes.

    Args:
        schema: JSON schema of an object.
        json: The value; it is copied and checked.
        data_model: In place of the two: a `DataModel` instance. Or a `DataModel` class in place of `schema`
            alone.
        name: Any name, for messages.

    Raises:
        SchemaError: The value does not fit the schema.
    """

    __slots__ = ("data", "name", "schema")

    schema: Schema
    data: Json
    name: str

    def __init__(
        self,
        schema: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        data_model: Any = None,
        name: str | None = None,
    ) -> None:
        self.name = name or ""
        if data_model is not None and json is None and not isinstance(data_model, type) and schema is None:
            made = as_json_data_model(data_model)
            self.schema, self.data = made.schema, made.data
            return
        if json is None or (schema is None) == (data_model is None):
            raise DataModelError(
                "JsonDataModel needs schema=... and json=..., or data_model=<an instance>, "
                "or data_model=<a class> and json=...."
            )
        self.schema = Schema.of(schema if schema is not None else data_model.get_schema())
        self.data = copy_json(dict(json) if isinstance(json, Mapping) else json)
        self.schema.check(self.data)

    @staticmethod
    def trusted(schema: Schema, data: Json, name: str = "") -> JsonDataModel:
        """Wraps a value that is known to fit, without a copy or a check; nobody may change it afterwards."""
        model = _new(JsonDataModel)
        model.schema = schema
        model.data = data
        model.name = name
        return model

    @property
    def known_schema(self) -> Schema:
        """The schema, as a handle."""
        return self.schema

    def get_schema(self) -> Json:
        """The JSON schema, as a new dict."""
        return self.schema.copy()

    def get_json(self) -> Json:
        """The value, as a new dict that the caller may change."""
        copied: Json = copy_json(self.data)
        return copied

    def prettify_json(self) -> str:
        """The value as indented JSON text."""
        return stdlib_json.dumps(self.data, indent=2, ensure_ascii=False)

    def prettify_schema(self) -> str:
        """The schema as indented JSON text."""
        return stdlib_json.dumps(self.schema.json, indent=2, ensure_ascii=False)

    def get(self, key: str, default: Any = None) -> Any:
        """One property's value (a copy, if it is nested), or the default if the value does not have it."""
        return copy_json(self.data[key]) if key in self.data else default

    def __getitem__(self, key: str) -> Any:
        if key not in self.data:
            raise KeyError(f"{key!r} is not in the value; it has: {', '.join(self.data) or 'nothing'}")
        return copy_json(self.data[key])

    def keys(self) -> KeysView[str]:
        """Names of the properties that the value has."""
        return self.data.keys()

    def values(self) -> ValuesView[Any]:
        """The properties' values, as copies."""
        return self.get_json().values()

    def items(self) -> ItemsView[str, Any]:
        """Names and values, as copies."""
        return self.get_json().items()

    def clone(self, name: str | None = None) -> JsonDataModel:
        """The same value, under another name if one is given."""
        return JsonDataModel.trusted(self.schema, self.data, name or self.name)

    def to_json_data_model(self, name: str | None = None) -> JsonDataModel:
        """Itself, under another name if one is given."""
        return self.clone(name)

    def to_symbolic_data_model(self, name: str | None = None) -> SymbolicDataModel:
        """A symbol with this schema."""
        return SymbolicDataModel(schema=self.schema, name=name or self.name)

    def combine(self, operation: BinaryOperation, first: Operand, second: Operand) -> Result | None:
        """See `Operand`; both operands are values."""
        one, two = as_json_data_model(first), as_json_data_model(second)
        pair = operation.merge((one.schema, one.data), (two.schema, two.data))
        return None if pair is None else JsonDataModel.trusted(*pair)

    def change(self, operation: UnaryOperation) -> Result | None:
        """See `Operand`."""
        derived = operation.derive(self.schema)
        return None if derived is None else JsonDataModel.trusted(derived.schema, derived.value(self.data))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JsonDataModel):
            return NotImplemented
        return self.data == other.data and self.schema.same(other.schema)

    __hash__ = None  # type: ignore[assignment]  # values are compared by content, which may be large

    def __repr__(self) -> str:
        text = stdlib_json.dumps(self.data, ensure_ascii=False)
        return f"JsonDataModel({text if len(text) <= 200 else text[:200] + '…'})"


_new = object.__new__


def as_json_data_model(value: Any) -> JsonDataModel:
    """The JSON data model of a `DataModel` instance, variable or JSON data model.

    Raises:
        DataModelError: It is none of these.
    """
    if type(value) is JsonDataModel:
        return value
    convert = None if isinstance(value, type) else getattr(value, "to_json_data_model", None)
    if convert is None:
        name = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        raise DataModelError(f"Expected a data model with a value, such as Query(query=...); got {name}.")
    made: JsonDataModel = convert()
    return made
