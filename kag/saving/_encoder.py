"""Live objects as JSON: modules, models, stores, data models, registered functions.

Values that JSON does not have are objects with a key that begins with `$`:

    {"$object": name, "id": n, "name": ..., "config": {...}, "graph": {...}}    {"$again": n}
    {"$data_model": schema, "name": ..., "class": name}     {"$json": value, "schema": schema}
    {"$symbol": n, "schema": schema, ...}     {"$schema": schema}     {"$registered": name}
    {"$tuple": [...]}     {"$dict": [[key, value]]}

A schema is a number in the file's table of schemas, or the schema itself where there is no table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from kag.data_models.data_model import DataModel, DataModelMeta, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import SavingError
from kag.graph.structure import leaves
from kag.module import Module
from kag.saving._classes import how_to_register, name_of
from kag.saving._graph import encode_graph, graph_of
from kag.saving._present import Present
from kag.saving._secrets import refuse_secrets
from kag.schema import Schema
from kag.schema.values import Json


class Encoder:
    """Turns live values into JSON; an object that is met again is named by its number.

    Args:
        schemas: Table that schemas are put into; None to write each where it is used.
    """

    def __init__(self, schemas: list[Json] | None = None) -> None:
        self._schemas = schemas
        self._schema_numbers: dict[bytes, int] = {}
        self._numbers: dict[int, int] = {}
        self._open: set[int] = set()
        self._kept: list[Any] = []  # so that no id is used twice

    def encode(self, value: Any, where: str = "the value") -> Any:
        """A value as JSON.

        Args:
            value: What to encode.
            where: Its place, for messages.
        """
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.encode(value.value, where)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, str):
            return str(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise SavingError(f"{where} is {value!r}, which JSON does not have.")
            return float(value)
        if isinstance(value, list):
            return [self.encode(item, f"{where}[{place}]") for place, item in enumerate(value)]
        if isinstance(value, tuple):
            return {"$tuple": self.encode(list(value), where)}
        if isinstance(value, Mapping):
            return self._mapping(value, where)
        return self._special(value, where)

    def schema(self, schema: Schema) -> Any:
        """A schema: its number in the table, or itself."""
        if self._schemas is None:
            return schema.copy()
        number = self._schema_numbers.setdefault(schema.text, len(self._schemas))
        if number == len(self._schemas):
            self._schemas.append(schema.copy())
        return number

    def symbol(self, symbol: SymbolicDataModel) -> Json:
        """A symbol: with its properties where it is met first, then by its number."""
        number, met = self._number(symbol)
        if met:
            return {"$symbol": number}
        known = symbol.known_schema
        return {
            "$symbol": number,
            "schema": None if known is None else self.schema(known),
            "name": symbol.name,
            "optional": symbol.optional,
            "exact": symbol.is_exact,
        }

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Json:
        for key in value:
            if not isinstance(key, str):
                raise SavingError(f"{where} has the key {key!r}; keys must be strings to be saved.")
        encoded = {str(key): self.encode(item, f"{where}.{key}") for key, item in value.items()}
        if any(key.startswith("$") for key in encoded):
            return {"$dict": [[key, item] for key, item in encoded.items()]}
        return encoded

    def _special(self, value: Any, where: str) -> Any:
        if isinstance(value, SymbolicDataModel):
            return self.symbol(value)
        if isinstance(value, DataModelMeta):
            known = {"$data_model": self.schema(schema_of(value)), "name": value.__name__}
            name = name_of(value)
            return {**known, "class": name} if name else known
        if isinstance(value, JsonDataModel | DataModel):
            model = value.to_json_data_model()
            refuse_secrets(model.data, where)
            return {"$json": self.encode(model.data, where), "schema": self.schema(model.schema)}
        if isinstance(value, Schema):
            return {"$schema": self.schema(value)}
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, type) or not _is_object(value):
            return {"$registered": self._name(value, where)}
        return self._object(value, where)

    def _name(self, value: Any, where: str) -> str:
        if not callable(value) or not hasattr(value, "__qualname__"):
            raise SavingError(
                f"{where} is a {type(value).__name__}, which cannot be saved; give its class get_config and "
                "from_config, and register it with @kag.saving.register_kag_serializable()."
            )
        name = name_of(value)
        if name is None:
            raise SavingError(f"{where} cannot be saved: {how_to_register(value)}")
        return name

    def _object(self, value: Any, where: str) -> Json:
        number, met = self._number(value)
        if met:
            if number in self._open:
                raise SavingError(f"{where} contains itself, which cannot be saved.")
            return {"$again": number}
        name = self._name(type(value), where)
        graph = graph_of(value)
        config = _config(value, where)
        if graph is not None:
            ends = [list(map(id, leaves(graph.inputs))), list(map(id, leaves(graph.outputs)))]
            config = {key: item for key, item in config.items() if list(map(id, leaves(item))) not in ends}
        refuse_secrets(config, f"{where} ({name})")
        self._open.add(number)
        encoded: Json = {"$object": name, "id": number}
        if isinstance(value, Module):
            encoded["name"] = value.name
        encoded["config"] = self._mapping(dict(sorted(config.items())), where)
        if graph is not None:
            encoded["graph"] = encode_graph(value, graph, self, where)
        self._open.discard(number)
        return encoded

    def _number(self, value: Any) -> tuple[int, bool]:
        """The number of an object, and whether it was met before."""
        met = id(value) in self._numbers
        if not met:
            self._kept.append(value)
        return self._numbers.setdefault(id(value), len(self._numbers)), met


def _is_object(value: Any) -> bool:
    """Whether a value is described by a configuration."""
    return hasattr(value, "get_config") or (is_dataclass(value) and not isinstance(value, type))


def _config(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, Module) and type(value).get_config is Module.get_config:
        return Present(lambda part: Encoder().encode(part)).config(value, where)
    if not hasattr(value, "get_config"):
        return {item.name: getattr(value, item.name) for item in fields(value) if item.init}
    config = value.get_config()
    if not isinstance(config, Mapping):
        raise SavingError(f"get_config of {value!r} must give a dict; got {type(config).__name__}.")
    return config
