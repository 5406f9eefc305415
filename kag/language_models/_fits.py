"""A fast yes: the common part of JSON Schema as plain functions, many times as quick as a full validator.

A yes is certain; anything else, and every schema with a keyword that is not known here, goes to the full
validator, which also words the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[Any], bool]

_NOTES = {
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "$defs",
    "definitions",
    "format",
    "$schema",
    "$comment",
}
_TYPES: dict[str, Check] = {
    "string": lambda value: type(value) is str,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is int or type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
}
_BOUNDS: dict[str, tuple[str, Callable[[Any], Check]]] = {
    "minimum": ("number", lambda bound: lambda value: value >= bound),
    "maximum": ("number", lambda bound: lambda value: value <= bound),
    "exclusiveMinimum": ("number", lambda bound: lambda value: value > bound),
    "exclusiveMaximum": ("number", lambda bound: lambda value: value < bound),
    "minLength": ("string", lambda bound: lambda value: len(value) >= bound),
    "maxLength": ("string", lambda bound: lambda value: len(value) <= bound),
    "minItems": ("array", lambda bound: lambda value: len(value) >= bound),
    "maxItems": ("array", lambda bound: lambda value: len(value) <= bound),
    "pattern": ("string", lambda text: lambda value: re.search(text, value) is not None),
}


class _UnknownError(Exception):
    """The schema has something that only the full validator knows."""


def compiled(schema: Mapping[str, Any]) -> Check | None:
    """Returns a function that says whether a value surely fits, or None where the schema is beyond it."""
    try:
        return _Compiler(schema).check(schema)
    except (_UnknownError, TypeError, AttributeError, KeyError, re.error):
        return None


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._references: dict[str, Check | None] = {}

    def check(self, schema: Mapping[str, Any] | bool) -> Check:
        if schema is True:
            return _anything
        if not isinstance(schema, Mapping):
            raise _UnknownError
        keys = schema.keys() - _NOTES
        checks = []
        if "$ref" in keys:
            checks.append(self._reference(schema["$ref"]))
        if "anyOf" in keys:
            checks.append(_any([self.check(option) for option in schema["anyOf"]]))
        if "enum" in keys or "const" in keys:
            checks.append(_one_of([schema["const"]] if "const" in keys else schema["enum"]))
        if "type" in keys:
            checks.append(self._typed(schema, keys))
        elif keys - {"$ref", "anyOf", "enum", "const"}:
            raise _UnknownError
        return _all(checks)

    def _typed(self, schema: Mapping[str, Any], keys: set[str]) -> Check:
        kinds = schema["type"]
        if isinstance(kinds, list):
            if keys - {"type", "enum", "const", "$ref", "anyOf"}:
                raise _UnknownError
            return _any([_TYPES[kind] for kind in kinds])
        rest = keys - {"type", "enum", "const", "$ref", "anyOf"}
        checks = [_TYPES[kinds]]
        for key in rest & _BOUNDS.keys():
            family, make = _BOUNDS[key]
            if family != kinds and (family, kinds) != ("number", "integer"):
                raise _UnknownError
            checks.append(make(schema[key]))
        rest -= _BOUNDS.keys()
        if kinds == "object" and rest <= {"properties", "required", "additionalProperties"}:
            checks.append(self._object(schema))
        elif kinds == "array" and rest <= {"items"}:
            if rest:
                checks.append(_every(self.check(schema["items"])))
        elif rest:
            raise _UnknownError
        return _all(checks)

    def _object(self, schema: Mapping[str, Any]) -> Check:
        fields = {name: self.check(child) for name, child in schema.get("properties", {}).items()}
        others = schema.get("additionalProperties", True)
        other = None if others is False else self.check(others)
        required = tuple(schema.get("required", ()))

        def fits(value: Any) -> bool:
            for name in required:
                if name not in value:
                    return False
            for name, item in value.items():
                check = fields.get(name, other)
                if check is None or not check(item):
                    return False
            return True

        return fits

    def _reference(self, name: str) -> Check:
        if not name.startswith("#/"):
            raise _UnknownError
        if name not in self._references:
            self._references[name] = None  # a schema may refer to itself
            node: Any = self._root
            for key in name[2:].split("/"):
                node = node[key]
            self._references[name] = self.check(node)
        known = self._references
        if (check := known[name]) is not None:
            return check

        def later(value: Any) -> bool:
            check = known[name]
            return check is not None and check(value)

        return later


def _anything(_: Any) -> bool:
    return True


def _all(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)
    return lambda value: all(check(value) for check in checks)


def _any(checks: Sequence[Check]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _every(check: Check) -> Check:
    return lambda value: all(map(check, value))


def _one_of(options: Sequence[Any]) -> Check:
    if any(not isinstance(option, str | int | None) for option in options):
        raise _UnknownError
    known = {(type(option), option) for option in options}
    return lambda value: type(value) in (str, int, bool, type(None)) and (type(value), value) in known
