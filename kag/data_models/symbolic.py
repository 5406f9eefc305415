"""A symbol: the schema of a value that a graph will compute, and where it comes from."""

from __future__ import annotations

import json as stdlib_json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from kag.data_models.operations import BinaryOperation, Operand, UnaryOperation
from kag.data_models.operators import Operators
from kag.data_models.session import auto_name
from kag.errors import DataModelError
from kag.graph.node import Node, Origin, Symbol
from kag.graph.recording import spoil_trace
from kag.schema import Schema
from kag.schema.values import Json

if TYPE_CHECKING:
    from kag.data_models.operations import Result


class SymbolicDataModel(Symbol, Operand, Operators):
    """A stand-in for a value: it has a schema (an *open* symbol gets it at run time), and no value.

    Args:
        data_model: A data model class, or anything with `get_schema`.
        schema: In place of it: a JSON schema, or a handle of one. With neither, the symbol is open.
        record_history: Operations on it are recorded as nodes of a graph; without, only schemas are computed.
        name: Any name, for messages and plots.
        optional: The value may be None although nothing upstream is.
        exact: The value will have just this schema; False for a union such as `a | b`.
    """

    __slots__ = ("_exact", "_schema", "name", "optional", "origin", "recorded")

    def __init__(
        self,
        data_model: Any = None,
        schema: Mapping[str, Any] | Schema | None = None,
        record_history: bool = True,
        name: str | None = None,
        optional: bool = False,
        exact: bool = True,
    ) -> None:
        self._schema = _handle(data_model, schema)
        self.recorded = record_history
        self.name = name or ""
        self.optional = optional
        self._exact = exact
        self.origin: Origin | None = None

    @property
    def known_schema(self) -> Schema | None:
        """The schema, as a handle; None if the symbol is open."""
        return self._schema

    @property
    def is_exact(self) -> bool:
        """Whether the value will have just this schema, and not one of several within it."""
        return self._exact

    @property
    def is_open(self) -> bool:
        """Whether the schema is known at run time only."""
        return self.known_schema is None

    def get_schema(self) -> Json:
        """The JSON schema, as a new dict.

        Raises:
            DataModelError: The symbol is open.
        """
        return self._closed_schema().copy()

    def prettify_schema(self) -> str:
        """The schema as indented JSON text."""
        return stdlib_json.dumps(self._closed_schema().json, indent=2, ensure_ascii=False)

    def keys(self) -> list[str]:
        """Names of the properties that the value may have."""
        return list(self._closed_schema().properties)

    def get_json(self) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value("get_json()")

    def prettify_json(self) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value("prettify_json()")

    def get(self, key: str, default: Any = None) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value(f"get({key!r})")

    def __getitem__(self, key: str) -> NoReturn:
        raise self._no_value(f"[{key!r}]")

    def values(self) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value("values()")

    def items(self) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value("items()")

    def to_json_data_model(self, name: str | None = None) -> NoReturn:
        """Raises: a symbol has no value."""
        raise self._no_value("to_json_data_model()")

    def __bool__(self) -> bool:
        spoil_trace()
        raise DataModelError(
            f"Whether {self!r} is there is known at run time only; combine symbols with & | ^ "
            "instead of if/and/or."
        )

    def __iter__(self) -> Iterator[Any]:
        spoil_trace()
        raise DataModelError(f"{self!r} stands for one data model and cannot be unpacked or iterated.")

    def clone(self, name: str | None = None) -> SymbolicDataModel:
        """A symbol with the same schema and no origin."""
        return SymbolicDataModel(
            schema=self.known_schema, name=name or self.name, optional=self.optional, exact=self.is_exact
        )

    def to_symbolic_data_model(self, name: str | None = None) -> SymbolicDataModel:
        """A symbol with the same schema and no origin."""
        return self.clone(name)

    def combine(self, operation: BinaryOperation, first: Operand, second: Operand) -> Result | None:
        """See `Operand`; at least one operand is a symbol."""
        one, two = first.known_schema, second.known_schema
        exact = first.is_exact, second.is_exact
        schema = operation.schema(one, two, exact) if one is not None and two is not None else None
        return _record(operation, (first, second), schema, exact=operation.keeps_exact(exact))

    def change(self, operation: UnaryOperation) -> Result | None:
        """See `Operand`."""
        schema = self.known_schema
        if schema is None or not (self.is_exact or operation.is_uniform):
            return _record(operation, (self,), None, exact=self.is_exact)
        derived = operation.derive(schema)
        return _record(operation, (self,), derived.schema if derived else None, exact=self.is_exact)

    def _closed_schema(self) -> Schema:
        schema = self.known_schema
        if schema is None:
            raise DataModelError(
                f"{self!r} has its schema at run time only; give the module that makes it "
                "a return annotation or compute_output_spec to know it earlier."
            )
        return schema

    def _no_value(self, reading: str) -> DataModelError:
        spoil_trace()
        return DataModelError(
            f"{reading} reads a value, but {self!r} is symbolic: it gets its value when the program runs. "
            "Do it inside a module's call."
        )

    def __repr__(self) -> str:
        schema = self.known_schema
        shape = "schema known at run time" if schema is None else ", ".join(schema.properties)
        return f"<SymbolicDataModel {self.name}: {shape}>" if self.name else f"<SymbolicDataModel: {shape}>"


def _handle(data_model: Any, schema: Mapping[str, Any] | Schema | None) -> Schema | None:
    if data_model is not None and schema is not None:
        raise DataModelError("Give data_model or schema, not both.")
    if isinstance(schema, Schema) or schema is not None:
        return schema if isinstance(schema, Schema) else Schema.of(schema)
    if data_model is None:
        return None
    convert = getattr(data_model, "__kag_operand__", None)
    made = convert() if convert is not None else data_model
    if not isinstance(made, Operand):
        raise DataModelError(
            f"data_model must be a data model class such as Query; got {type(data_model).__name__}."
        )
    return made.known_schema


def _record(
    operation: BinaryOperation | UnaryOperation,
    operands: tuple[Operand, ...],
    schema: Schema | None,
    *,
    exact: bool,
) -> SymbolicDataModel:
    """The symbol of a result; a node if one of the operands belongs to a graph."""
    if any(isinstance(each, SymbolicDataModel) and each.recorded for each in operands):
        node = Node(operation, auto_name(operation.kind), operands, awaited=False)
        symbol: SymbolicDataModel = node.connect(
            SymbolicDataModel(schema=schema, name=node.name, exact=exact)
        )
        return symbol
    return SymbolicDataModel(schema=schema, record_history=False, exact=exact)
