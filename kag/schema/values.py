"""JSON values as Python objects: copied, so that nobody changes another's data, and checked on the way."""

from __future__ import annotations

import json as stdlib_json
from math import isfinite
from typing import Any

import orjson

from kag.errors import SchemaError

Json = dict[str, Any]

_FLOATS = {float}
_SCALARS = frozenset((str, int, bool, type(None)))


def copy_json(value: Any) -> Any:
    """Copies a JSON value, however deep.

    Args:
        value: Dicts with string keys, lists, tuples (they become lists), strings, finite numbers, booleans,
            None.

    Raises:
        SchemaError: Something in it is not JSON, or it is nested too deeply (or in itself).
    """
    try:
        return _copy(value)
    except RecursionError:
        raise SchemaError("A JSON value is nested too deeply, or contains itself; flatten it.") from None


def json_text(value: Any) -> str:
    """A JSON value as compact text, as it stands in prompts."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # integers over 64 bits
        return stdlib_json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        return {_key(key): item if type(item) in _SCALARS else _copy(item) for key, item in value.items()}
    if kind is float and isfinite(value):
        return value
    if kind is list or kind is tuple:
        if (
            value
            and type(value[0]) is float
            and set(map(type, value)) == _FLOATS
            and all(map(isfinite, value))
        ):
            return [*value]  # a vector
        return [item if type(item) in _SCALARS else _copy(item) for item in value]
    return _uncommon(value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise SchemaError(f"A JSON object has the key {key!r} ({type(key).__name__}); keys must be strings.")
    return str.__str__(key)


def _uncommon(value: Any) -> Any:
    """Floats, and subclasses of JSON's types such as string enumerations or ordered dicts."""
    if isinstance(value, float):
        if not isfinite(value):
            raise SchemaError(f"{value!r} is not JSON; numbers must be finite.")
        return float(value)
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return _copy(dict(value))
    if isinstance(value, list | tuple):
        return _copy(list(value))
    raise SchemaError(
        f"{type(value).__name__} is not JSON; expected dict, list, str, int, float, bool or None. "
        "Convert it first."
    )
