"""What the return annotation of a function says about its result, as symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from kag.data_models.data_model import DataModelMeta, UnionSymbol
from kag.data_models.symbolic import SymbolicDataModel


def annotated_result(function: Callable[..., Any]) -> Any:
    """Fresh symbols for a function's return annotation; None if it does not tell what the result is.

    It tells for a data model class, classes joined by `|` (also with None), and a `tuple[A, B]` or
    `TypedDict` of these.
    """
    return _symbols_of(_hint(function))


def gives_unknown_number(function: Callable[..., Any]) -> bool:
    """Whether the annotation says that there are several results, but not how many: `list[A]`, `dict`."""
    hint = _hint(function)
    origin = get_origin(hint) or hint
    return origin in (list, dict, tuple)


def _hint(function: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError):  # an annotation that only type checkers can resolve
        return None


def _symbols_of(hint: Any) -> Any:
    if isinstance(hint, DataModelMeta):
        fields = getattr(hint, "model_fields", None)
        return SymbolicDataModel(hint) if fields else None
    if isinstance(hint, UnionSymbol):  # City | Country on classes
        return hint.alternative()
    if is_typeddict(hint):
        parts = {key: _symbols_of(kind) for key, kind in get_type_hints(hint).items()}
        return None if not parts or any(part is None for part in parts.values()) else parts
    origin = get_origin(hint)
    if origin is tuple:
        items = [_symbols_of(kind) for kind in get_args(hint)]
        return None if not items or any(item is None for item in items) else tuple(items)
    if origin is Union:
        models = [member for member in get_args(hint) if member is not type(None)]
        if all(isinstance(member, DataModelMeta) for member in models):
            return UnionSymbol(tuple(models)).alternative()
    return None
