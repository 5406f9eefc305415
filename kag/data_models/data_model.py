"""DataModel: a pydantic model whose classes and instances take the operators `+ & | ^ ~ in`."""

from __future__ import annotations

import json as stdlib_json
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, ForwardRef, TypeVar, Union, cast, get_origin

from pydantic import BaseModel, ConfigDict, PydanticUserError

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import OR, Operand
from kag.data_models.operators import OnBoth, Operators
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError
from kag.schema import Schema, exclusive, union
from kag.schema.values import Json

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic_core import CoreSchema
else:
    ModelMetaclass = type(BaseModel)


_METHODS = frozenset(("get_json", "get_schema", "to_json_data_model", "to_symbolic_data_model"))


class DataModelMeta(Operators, ModelMetaclass):
    """The metaclass that puts the operators on classes: `Query + Answer` is a symbol.

    `City | Country` and `City | None` stay usable as annotations: they give a `UnionSymbol`.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        """Refuses fields that would hide the methods which everything else calls."""
        hidden = sorted(_METHODS & namespace.get("__annotations__", {}).keys())
        if hidden:
            raise DataModelError(
                f"{name}: a field cannot be called {hidden[0]!r}, which is a method of every data model; "
                f"give it another name and alias={hidden[0]!r}."
            )
        return super().__new__(mcs, name, bases, namespace, **options)

    def __or__(cls, other: Any) -> Any:
        return _unite((cls,), other, flipped=False)

    def __ror__(cls, other: Any) -> Any:
        return _unite((cls,), other, flipped=True)


class UnionSymbol(SymbolicDataModel):
    """What `City | Country` on classes gives: a symbol with the union's schema, and an annotation.

    Args:
        members: Data model classes; None stands for "or nothing".
    """

    __slots__ = ("members",)

    def __init__(self, members: tuple[Any, ...]) -> None:
        super().__init__(record_history=False, optional=None in members, exact=len(members) == 1)
        self.members = members

    @property
    def known_schema(self) -> Schema | None:
        """Computed when it is first needed, since classes may refer to others that are not there yet."""
        if self._schema is None:
            for member in self.members:
                if member is not None:
                    schema = schema_of(member)
                    known: Schema | None = self._schema
                    self._schema = schema if known is None else union(known, schema, (False, True))
        return self._schema

    def alternative(self) -> SymbolicDataModel:
        """A symbol for just one of the members, which is what the union means as an annotation."""
        schemas = [schema_of(member) for member in self.members if member is not None]
        return SymbolicDataModel(schema=reduce(exclusive, schemas), exact=len(schemas) == 1)

    def __or__(self, other: Any) -> Any:
        return _unite(self.members, other, flipped=False)

    def __ror__(self, other: Any) -> Any:
        return _unite(self.members, other, flipped=True)

    def __instancecheck__(self, instance: object) -> bool:
        return any(instance is None if m is None else isinstance(instance, m) for m in self.members)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(Union[self.members])  # noqa: UP007  built from a tuple


class DataModel(BaseModel, Operators, metaclass=DataModelMeta):
    """Structured data with a schema, as a pydantic model; unknown fields are errors.

    Properties that are None are left out of the JSON, unless the class requires a property that may be None:
    then they are kept.

    Example:
        >>> class Query(DataModel):
        ...     query: str
        >>> (Query(query="a") + Query(query="b")).get_json()
        {'query': 'a', 'query_1': 'b'}
    """

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, allow_inf_nan=False, ignored_types=(OnBoth,)
    )

    _kag_schema: ClassVar[tuple[Schema, bool]]

    @classmethod
    def get_schema(cls) -> Json:
        """The JSON schema, as a new dict."""
        return schema_of(cls).copy()

    @classmethod
    def prettify_schema(cls) -> str:
        """The schema as indented JSON text."""
        return stdlib_json.dumps(schema_of(cls).json, indent=2, ensure_ascii=False)

    @classmethod
    def keys(cls) -> list[str]:
        """Names of the properties."""
        return list(schema_of(cls).properties)

    @classmethod
    def to_symbolic_data_model(cls, name: str | None = None) -> SymbolicDataModel:
        """A symbol with this schema."""
        return SymbolicDataModel(schema=schema_of(cls), name=name)

    def get_json(self) -> Json:
        """The value as a new dict of JSON values."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=_omits_none(type(self)), exclude_computed_fields=True
        )

    def prettify_json(self) -> str:
        """The value as indented JSON text."""
        return stdlib_json.dumps(self.get_json(), indent=2, ensure_ascii=False)

    def get(self, key: str, default: Any = None) -> Any:
        """One property's JSON value, or the default if the JSON does not have it."""
        return self.get_json().get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self.to_json_data_model()[key]

    def clone(self) -> DataModel:
        """A deep copy."""
        return self.model_copy(deep=True)

    def to_json_data_model(self, name: str | None = None) -> JsonDataModel:
        """The value as JSON with its schema."""
        return JsonDataModel.trusted(schema_of(type(self)), self.get_json(), name or "")

    @OnBoth
    def __kag_operand__(self) -> Operand:
        """What stands for it in an operation: a symbol for the class, JSON for an instance."""
        if isinstance(self, type):
            return SymbolicDataModel(schema=schema_of(cast("type[DataModel]", self)), record_history=False)
        return self.to_json_data_model()


def schema_of(model: Any) -> Schema:
    """The schema of a data model class, computed once."""
    return _known(model)[0]


def _omits_none(model: type[DataModel]) -> bool:
    return _known(model)[1]


def _known(model: type[DataModel]) -> tuple[Schema, bool]:
    known: tuple[Schema, bool] | None = model.__dict__.get("_kag_schema")
    if known is None:
        if not (isinstance(model, type) and issubclass(model, DataModel)):
            raise DataModelError(f"Expected a data model class such as Query; got {type(model).__name__}.")
        schema = _schema_of(model)
        levels = [schema.json, *schema.definitions.values()]
        known = schema, not any(_requires_none(level, schema.definitions) for level in levels)
        model._kag_schema = known
    return known


def _schema_of(model: type[DataModel]) -> Schema:
    """The schema of what is read, which what is written must fit as well."""
    try:
        read = model.model_json_schema()
        written = model.model_json_schema(mode="serialization")
    except PydanticUserError as error:
        raise DataModelError(f"{model.__name__} has no JSON schema: {error.message}") from None
    _refuse_differences(model.__name__, read, written)
    names = written.get("$defs", {})
    for name, definition in read.get("$defs", {}).items():
        if name in names:
            _refuse_differences(name, definition, names[name])
    return Schema.of(read, trusted=True)


def _refuse_differences(name: str, read: Json, written: Json) -> None:
    """Refuses a class whose fields are written under other names, or as other types, than they are read."""
    known, given = read.get("properties", {}), written.get("properties", {})
    given = {key: kind for key, kind in given.items() if key in known or not kind.get("readOnly")}
    for key in [*known, *given]:
        if key not in known or key not in given:
            how = "Use alias=... in place of validation_alias or serialization_alias."
        elif not _takes(known[key], given[key]):
            how = "Leave out the serializer, or declare the type that it gives."
        else:
            continue
        raise DataModelError(f"{name}: the field {key!r} is written otherwise than it is read. {how}")


def _takes(read: Json, written: Json) -> bool:
    """Whether what is written is among what may be read, as far as the types tell."""
    kinds, given = _types(read), _types(written)
    return kinds is None or given is None or given <= kinds


def _types(kind: Json) -> set[str] | None:
    """The JSON types that a schema names; None if it does not tell."""
    if "anyOf" in kind:
        found: set[str] = set()
        for types in map(_types, kind["anyOf"]):
            if types is None:
                return None
            found |= types
        return found
    named = kind.get("type")
    return {named} if isinstance(named, str) else None


def _requires_none(schema: Json, definitions: Json) -> bool:
    """Whether one of the properties that an object requires may be None."""
    kinds = schema.get("properties", {})
    return any(_may_be_none(kinds[key], definitions) for key in schema.get("required", ()) if key in kinds)


def _may_be_none(kind: Json, definitions: Json) -> bool:
    named = kind.get("$ref")
    if isinstance(named, str):
        name = named.rpartition("/")[2]
        others = {key: value for key, value in definitions.items() if key != name}
        return name in definitions and _may_be_none(definitions[name], others)
    allowed = kind.get("type")
    if allowed is None and "anyOf" in kind:
        return any(_may_be_none(option, definitions) for option in kind["anyOf"])
    if allowed is None and ("enum" in kind or "const" in kind):
        return None in [*kind.get("enum", ()), kind.get("const", "")]
    return allowed is None or allowed == "null" or (isinstance(allowed, list) and "null" in allowed)


def _unite(members: tuple[Any, ...], other: Any, *, flipped: bool) -> Any:
    """What `|` on classes gives: a `UnionSymbol`; with other types a plain annotation; else the operator."""
    if isinstance(other, UnionSymbol):
        more: tuple[Any, ...] = other.members
    elif other is None or isinstance(other, DataModelMeta):
        more = (other,)
    elif isinstance(other, type | TypeVar | ForwardRef) or get_origin(other) is not None:
        return Union[(other, *members) if flipped else (*members, other)]  # noqa: UP007  built from a tuple
    else:
        symbol = UnionSymbol(members)
        return OR(other, symbol) if flipped else OR(symbol, other)
    joined = (*more, *members) if flipped else (*members, *more)
    return UnionSymbol(tuple(dict.fromkeys(joined)))
