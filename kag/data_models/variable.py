"""State of a module: a named JSON value, which training reads and replaces, and other code only reads.

A `Trial` gives variables other values within one block of code (and the tasks it starts), so that candidates
can be scored at the same time without touching what everybody else sees.
"""

from __future__ import annotations

import json as stdlib_json
from collections.abc import KeysView, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.data_models.operations import BinaryOperation, Operand, UnaryOperation
from kag.data_models.operators import Operators
from kag.data_models.session import auto_name
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError, SchemaError
from kag.schema import Schema, copy_json
from kag.schema.values import Json

if TYPE_CHECKING:
    from kag.data_models.operations import Result


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What a module did in training: the material for examples.

    Args:
        variable: The variable whose value took part.
        inputs: What the module was given.
        outputs: What it made of it.
    """

    variable: Variable
    inputs: Json
    outputs: Json


@final
class Trial:
    """Values that some variables have within a `with` block, and the predictions made in it.

    It may be entered by several tasks at once. Within another trial, it changes its own variables only.

    Args:
        values: New values by variable; they are copied and checked. Other variables keep theirs.
    """

    def __init__(self, values: Mapping[Variable, Mapping[str, Any]] | None = None) -> None:
        self.values: dict[Variable, Json] = {}
        self.predictions: list[Recorded] = []
        for variable, value in (values or {}).items():
            self.values[variable] = variable.checked(value)

    def __enter__(self) -> Trial:
        _entered.set(_Entered(self, _entered.get()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered = _entered.get()
        _entered.set(entered.outer if entered is not None else None)


@dataclass(frozen=True, slots=True)
class _Entered:
    """A trial that is under way, and the one around it."""

    trial: Trial
    outer: _Entered | None


_entered: ContextVar[_Entered | None] = ContextVar("kag_trial", default=None)


def _trial_of(variable: Variable) -> Trial | None:
    """The innermost trial that has a value for a variable."""
    entered = _entered.get()
    while entered is not None and variable not in entered.trial.values:
        entered = entered.outer
    return entered.trial if entered is not None else None


@final
class Variable(Operand, Operators):
    """A named JSON value that may change, checked against its schema whenever it does.

    Args:
        data_model: A data model class (the schema) or instance (schema and first value).
        initializer: The first value, as a dict or data model, if `data_model` is a class.
        name: Its name within its module.
        trainable: Training may change it.
        description: What it is for, in words; optimizers that write text show it to their model.
    """

    __slots__ = ("__weakref__", "_data", "description", "initial", "name", "schema", "trainable")

    def __init__(
        self,
        data_model: Any,
        initializer: Any = None,
        name: str | None = None,
        trainable: bool = True,
        description: str = "",
    ) -> None:
        self.name = name or auto_name("variable")
        self.trainable = trainable
        self.description = description
        if initializer is None:
            model = as_json_data_model(data_model)
        elif isinstance(initializer, Mapping):
            model = JsonDataModel(data_model=data_model, json=initializer)
        else:
            model = JsonDataModel(data_model=data_model, json=as_json_data_model(initializer).data)
        self.schema: Schema = model.schema
        self.initial: Json = model.data
        self._data: Json = model.data

    @property
    def data(self) -> Json:
        """The value as it is now (in the current trial, if there is one), shared: for reading only."""
        trial = _trial_of(self)
        return self._data if trial is None else trial.values[self]

    @property
    def known_schema(self) -> Schema:
        """The schema, as a handle."""
        return self.schema

    def get_schema(self) -> Json:
        """The JSON schema, as a new dict."""
        return self.schema.copy()

    def get_json(self) -> Json:
        """The value, as a new dict."""
        copied: Json = copy_json(self.data)
        return copied

    def prettify_json(self) -> str:
        """The value as indented JSON text."""
        return stdlib_json.dumps(self.data, indent=2, ensure_ascii=False)

    def get(self, key: str, default: Any = None) -> Any:
        """One property's value (a copy), or the default if the value does not have it."""
        return copy_json(self.data.get(key, default))

    def __getitem__(self, key: str) -> Any:
        return self.to_json_data_model()[key]

    def keys(self) -> KeysView[str]:
        """Names of the properties that the value has."""
        return self.data.keys()

    def update(self, changes: Mapping[str, Any]) -> None:
        """Replaces some properties.

        Raises:
            SchemaError: The new value does not fit; the old one stays.
        """
        if not isinstance(changes, Mapping):
            raise DataModelError(
                f"Variable {self.name!r}: update takes a dict of properties; got {type(changes).__name__}."
            )
        self.assign({**self.data, **changes})

    def assign(self, value: Any) -> None:
        """Replaces the value: of this trial if there is one that holds this variable, else for everybody.

        Raises:
            SchemaError: The new value does not fit; the old one stays.
        """
        new = self.checked(value)
        trial = _trial_of(self)
        if trial is None:
            self._data = new
        else:
            trial.values[self] = new

    def checked(self, value: Any) -> Json:
        """A copy of a value for this variable.

        Raises:
            SchemaError: It does not fit the schema.
        """
        data = value if isinstance(value, Mapping) else as_json_data_model(value).data
        try:
            copied: Json = copy_json(dict(data))
            self.schema.check(copied)
        except SchemaError as error:
            raise SchemaError(f"Variable {self.name!r}: {error}") from None
        return copied

    def reset(self) -> None:
        """Goes back to the first value."""
        self.assign(self.initial)

    def record(self, inputs: Json, outputs: Json) -> None:
        """Notes a prediction in the current trial; without one, among the value's `current_predictions`."""
        entered = _entered.get()
        if entered is not None:
            entered.trial.predictions.append(Recorded(self, inputs, outputs))
            return
        known = self._data.get("current_predictions")
        if known is not None:
            made = {"inputs": copy_json(inputs), "outputs": copy_json(outputs)}
            self._data = {**self._data, "current_predictions": [*known, made]}

    def clone(self, name: str | None = None) -> Variable:
        """A variable of its own with the present value."""
        model = JsonDataModel.trusted(self.schema, self.data)
        return Variable(model, name=name or self.name, trainable=self.trainable, description=self.description)

    def to_json_data_model(self, name: str | None = None) -> JsonDataModel:
        """The value as it is now; later changes do not show in it."""
        return JsonDataModel.trusted(self.schema, self.data, name or self.name)

    def to_symbolic_data_model(self, name: str | None = None) -> SymbolicDataModel:
        """A symbol with this schema."""
        return SymbolicDataModel(schema=self.schema, name=name or self.name)

    def combine(self, operation: BinaryOperation, first: Operand, second: Operand) -> Result | None:
        """See `Operand`."""
        one, two = (m.to_json_data_model() if isinstance(m, Variable) else m for m in (first, second))
        return one.combine(operation, one, two)

    def change(self, operation: UnaryOperation) -> Result | None:
        """See `Operand`."""
        return self.to_json_data_model().change(operation)

    def __repr__(self) -> str:
        return f"<Variable {self.name}{'' if self.trainable else ', not trainable'}: {', '.join(self.data)}>"
