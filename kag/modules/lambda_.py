"""Lambda: a plain function as a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.module import Module
from kag.schema import copy_json


class Lambda(Module):
    """Applies a function to the inputs and checks what it gives.

    Args:
        function: Takes the inputs (as a `JsonDataModel`), returns a dict, a data model or None; plain or
            `async`.
        data_model: Data model class of the result.
        schema: In place of it: a JSON schema.
        name: Unique within a program.
        description: What it is for, in words.

    Example:
        >>> length = Lambda(lambda inputs: {"length": len(inputs.get("query"))}, data_model=Length)
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        data_model: Any = None,
        *,
        schema: Mapping[str, Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, description, trainable)
        if not callable(function):
            raise ProgramError(f"{self!r} needs a function; got {type(function).__name__}.")
        self.function = function
        declared = SymbolicDataModel(data_model, schema).known_schema
        if declared is None:
            raise ProgramError(
                f"{self!r} needs data_model=<a data model class> or schema=<a JSON schema> of its result."
            )
        self.schema = declared

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel | None:
        """What the function gives, checked against the schema."""
        result = self.function(inputs)
        if inspect.isawaitable(result):
            result = await result
        if result is None:
            return None
        value = copy_json(dict(result)) if isinstance(result, Mapping) else as_json_data_model(result).data
        self.schema.check(value)
        return JsonDataModel.trusted(self.schema, value)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the declared schema."""
        return SymbolicDataModel(schema=self.schema)
