"""Live objects from JSON; see `kag.saving._encoder` for the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

from kag.data_models.data_model import DataModelMeta
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import MissingDependencyError, SavingError
from kag.module import Module
from kag.saving._classes import named
from kag.saving._data_models import class_from_schema
from kag.saving._graph import decode_graph
from kag.saving._state import checked_name
from kag.schema import Schema
from kag.schema.values import Json


class Decoder:
    """Turns JSON from an `Encoder` back into live values.

    Args:
        schemas: Table of the schemas that are named by number.
    """

    def __init__(self, schemas: list[Any] | None = None) -> None:
        self._schemas = schemas or []
        self._known: dict[int, Any] = {}
        self._symbols: dict[int, SymbolicDataModel] = {}
        self._classes: dict[tuple[str, bytes], Any] = {}
        self._kinds: Mapping[str, Callable[[Json], Any]] = {
            "$object": self._object,
            "$again": lambda value: self._known[value["$again"]],
            "$data_model": self._data_model,
            "$json": self._json,
            "$symbol": self.symbol,
            "$schema": lambda value: self.schema(value["$schema"]),
            "$registered": lambda value: named(value["$registered"]),
            "$tuple": lambda value: tuple(self.decode(value["$tuple"])),
            "$dict": lambda value: {str(key): self.decode(item) for key, item in value["$dict"]},
        }

    def decode(self, value: Any) -> Any:
        """The live value.

        Raises:
            SavingError: Something in it cannot be built.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        tag = next((key for key in value if key.startswith("$")), None)
        if tag is None:
            return {key: self.decode(item) for key, item in value.items()}
        if tag not in self._kinds:
            raise SavingError(f"There is no kind of value {tag!r}; is this file damaged?")
        return self._kinds[tag](value)

    def schema(self, known: Any) -> Schema:
        """A schema by its number, or itself."""
        if isinstance(known, int) and not isinstance(known, bool):
            if not 0 <= known < len(self._schemas):
                raise SavingError(f"There is no schema {known}; the file has {len(self._schemas)}.")
            known = self._schemas[known]
        return Schema.of(known)

    def symbol(self, value: Json) -> SymbolicDataModel:
        """A symbol; the same number gives the same one."""
        number = value["$symbol"]
        if number not in self._symbols:
            known = value["schema"]
            self._symbols[number] = SymbolicDataModel(
                schema=None if known is None else self.schema(known),
                name=str(value["name"]),
                optional=value["optional"] is True,
                exact=value["exact"] is True,
            )
        return self._symbols[number]

    def _object(self, value: Json) -> Any:
        name = value["$object"]
        kind = named(name)
        config = self.decode(value["config"])
        if not isinstance(config, dict):
            raise SavingError(
                f"The configuration of {name!r} must be an object; got {type(config).__name__}."
            )
        thing = _built(name, kind, config)
        if isinstance(thing, Module) and "name" in value:
            thing.name = checked_name(value["name"], str(name))
        if value.get("graph") is not None:
            decode_graph(thing, value["graph"], self)
        if "id" in value:
            self._known[value["id"]] = thing
        return thing

    def _data_model(self, value: Json) -> Any:
        if value.get("class") is not None:
            found = named(value["class"])
            if not isinstance(found, DataModelMeta):
                raise SavingError(f"{value['class']!r} is not a data model class.")
            return found
        schema, name = self.schema(value["$data_model"]), str(value["name"])
        key = name, schema.text
        if key not in self._classes:
            self._classes[key] = class_from_schema(name, schema)
        return self._classes[key]

    def _json(self, value: Json) -> JsonDataModel:
        return JsonDataModel(schema=self.schema(value["schema"]).json, json=self.decode(value["$json"]))


def _built(name: str, kind: Any, config: Json) -> Any:
    if not isinstance(kind, type) or not (hasattr(kind, "from_config") or is_dataclass(kind)):
        raise SavingError(f"{name!r} is not a class with from_config, so no object of it can be loaded.")
    try:
        return kind.from_config(config) if hasattr(kind, "from_config") else kind(**config)
    except (SavingError, MissingDependencyError):
        raise
    except Exception as error:  # a constructor that is given another's configuration may raise anything
        raise SavingError(f"{name!r} cannot be built from its configuration: {error}") from error
