"""Arguments and results of a module's `call`, on values and on symbols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from kag.data_models.data_model import DataModel, DataModelMeta
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import describe
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Variable
from kag.errors import ModuleError, ProgramError, SchemaError
from kag.graph.node import Operation
from kag.graph.recording import tracing
from kag.graph.structure import leaves, leaves_like, map_leaves


async def traced(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `call` gives for symbols, as fresh symbols that are not exact; open where it tells nothing."""
    with tracing() as trace:
        try:
            result = await call(*args, **kwargs)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return SymbolicDataModel()
        except Exception:  # noqa: BLE001  a call that reads values cannot be traced; errors show when it runs
            return SymbolicDataModel()
    certain = trace.certain

    def fresh(leaf: Any) -> SymbolicDataModel:
        if not isinstance(leaf, SymbolicDataModel) or not certain:
            return SymbolicDataModel()
        return SymbolicDataModel(schema=leaf.known_schema, optional=leaf.optional, exact=False)

    return map_leaves(fresh, result)


def check_promise(module: Operation, promise: Any, result: Any) -> None:
    """Refuses a result that is not what the return annotation of `call` says, and graphs believe.

    Raises:
        ModuleError: It has another structure, or does not fit the schema.
    """
    found = leaves_like(promise, result)
    if found is None:
        shape = map_leaves(lambda leaf: ", ".join(leaf.keys()), promise)
        raise ModuleError(
            f"call of {module!r} is annotated to give {shape}; it returned {describe(result)}. "
            "Correct the annotation or the result."
        )
    for symbol, value in zip(leaves(promise), found, strict=True):
        if not isinstance(value, JsonDataModel) or value.schema is symbol.known_schema:
            continue
        try:
            symbol.known_schema.check(value.data)
        except SchemaError as error:
            raise ModuleError(
                f"call of {module!r} returned something else than its annotation says: {error}. "
                "Correct the annotation or the result."
            ) from None


def output_symbol(leaf: Any, module: Operation) -> SymbolicDataModel:
    """The symbol for one result of a module, as its node gives it."""
    if isinstance(leaf, DataModelMeta):
        return SymbolicDataModel(leaf, name=module.name)
    if not isinstance(leaf, SymbolicDataModel):
        raise ProgramError(
            f"compute_output_spec of {module!r} gave {describe(leaf)}; expected symbolic data models, "
            "such as SymbolicDataModel(Answer)."
        )
    if leaf.origin is not None or not leaf.recorded or leaf.name:
        return leaf.clone(module.name)
    leaf.name = module.name
    return leaf


def stand_in(value: Any) -> Any:
    """The symbol that `build` is given for a value."""
    return value.to_symbolic_data_model() if isinstance(value, JsonDataModel | SymbolicDataModel) else value


def entering(value: Any) -> Any:
    """An argument as `call` gets it: data models as JSON."""
    if type(value) is JsonDataModel or value is None:
        return value
    if isinstance(value, DataModel):
        return value.to_json_data_model()
    if isinstance(value, list | tuple | dict):
        return map_leaves(entering, value)
    if isinstance(value, Variable):
        return value.to_json_data_model()
    if isinstance(value, DataModelMeta):
        raise ProgramError(
            f"A module was called with the class {value.__name__}; pass an instance to run it, "
            "or Input(data_model=...) to record it."
        )
    return value


def leaving(value: Any, module: Operation) -> Any:
    """A result as callers get it: data models as JSON, streams as they are."""
    if type(value) is JsonDataModel or value is None:
        return value
    if isinstance(value, DataModel | Variable):
        return value.to_json_data_model()
    if isinstance(value, list | tuple | dict):
        return map_leaves(lambda leaf: leaving(leaf, module), value)
    if isinstance(value, AsyncIterator):
        return value
    raise ModuleError(
        f"call of {module!r} returned {describe(value)}; expected a data model, None, "
        "or a list, tuple or dict of these."
    )
