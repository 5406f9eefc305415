"""Nested arguments and results: lists, tuples and dicts of leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves of a nested structure, in order; anything but a list, tuple or dict is a leaf."""
    if isinstance(structure, list | tuple):
        for item in structure:
            yield from leaves(item)
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from leaves(item)
    else:
        yield structure


def map_leaves(change: Callable[[Any], Any], structure: Any) -> Any:
    """A structure of the same shape with `change` applied to every leaf."""
    if isinstance(structure, dict):
        return {key: map_leaves(change, item) for key, item in structure.items()}
    if isinstance(structure, list):
        return [map_leaves(change, item) for item in structure]
    if isinstance(structure, tuple):
        items = [map_leaves(change, item) for item in structure]
        make = getattr(type(structure), "_make", tuple)  # a named tuple stays one
        return make(items)
    return change(structure)


def leaves_like(shape: Any, value: Any) -> list[Any] | None:
    """The leaves of a value in the order of another structure's leaves; None if it nests otherwise.

    Lists and tuples of one length are the same, dicts may have another order, and None may stand for a whole
    part of the structure: it gives None for each leaf of that part.
    """
    if value is None:
        return [None for _ in leaves(shape)]
    if isinstance(shape, dict) and isinstance(value, dict) and shape.keys() == value.keys():
        parts = [leaves_like(shape[key], value[key]) for key in shape]
    elif isinstance(shape, list | tuple) and isinstance(value, list | tuple) and len(shape) == len(value):
        parts = [leaves_like(part, item) for part, item in zip(shape, value, strict=True)]
    else:
        return None if _nests(shape) or _nests(value) else [value]
    if any(part is None for part in parts):
        return None
    return [leaf for part in parts if part is not None for leaf in part]


def _nests(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)
