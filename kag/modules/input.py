"""Input: where a program's graph begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kag.data_models.session import auto_name
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError


def Input(  # noqa: N802  reads like the class that it makes
    data_model: Any = None,
    schema: Mapping[str, Any] | None = None,
    optional: bool = False,
    name: str | None = None,
) -> SymbolicDataModel:
    """A symbol for data that a program will be given.

    Args:
        data_model: Its data model class.
        schema: In place of it: a JSON schema.
        optional: The caller may give None; a program that is called with None for another input refuses it.
        name: For plots and messages; made up by default.

    Raises:
        DataModelError: Neither or both of `data_model` and `schema` are given.
    """
    if (data_model is None) == (schema is None):
        raise DataModelError("Input needs data_model=<a data model class> or schema=<a JSON schema>.")
    return SymbolicDataModel(data_model, schema, name=name or auto_name("input"), optional=optional)
