"""The operators as awaitable functions, for those who prefer names to signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kag.data_models.operations import (
    AND,
    CONCAT,
    FACTORIZE,
    NOT,
    OR,
    XOR,
    InMask,
    OutMask,
    Prefix,
    Suffix,
    operand,
)
from kag.data_models.operators import as_mask

if TYPE_CHECKING:
    from kag.data_models.json_data_model import JsonDataModel
    from kag.data_models.operations import Result
    from kag.data_models.symbolic import SymbolicDataModel


async def concat(x1: Any, x2: Any) -> Result | None:
    """`x1 + x2`: properties side by side, what collides numbered; None is an error."""
    return CONCAT(x1, x2)


concatenate = concat


async def logical_and(x1: Any, x2: Any) -> Result | None:
    """`x1 & x2`: side by side, or None if one is None."""
    return AND(x1, x2)


async def logical_or(x1: Any, x2: Any) -> Result | None:
    """`x1 | x2`: side by side, or the one that is there, or None."""
    return OR(x1, x2)


async def logical_xor(x1: Any, x2: Any) -> Result | None:
    """`x1 ^ x2`: the one that is there; None if both or neither are."""
    return XOR(x1, x2)


async def logical_not(x: Any) -> Result | None:
    """`~x`: None, whatever it is given."""
    return NOT(x)


async def factorize(x: Any) -> Result | None:
    """Numbered copies of a property as one plural list; None stays None."""
    return FACTORIZE(x)


async def in_mask(
    x: Any, mask: Sequence[str] | None = None, pattern: str | None = None, recursive: bool = True
) -> Result | None:
    """Only the named properties; None stays None. Needs `mask` or `pattern`."""
    return InMask(as_mask(mask), pattern, recursive)(x)


async def out_mask(
    x: Any, mask: Sequence[str] | None = None, pattern: str | None = None, recursive: bool = True
) -> Result | None:
    """All but the named properties; None stays None. Needs `mask` or `pattern`."""
    return OutMask(as_mask(mask), pattern, recursive)(x)


async def prefix(x: Any, prefix: str) -> Result | None:
    """Top-level properties renamed to `<prefix>_key`; None stays None."""
    return Prefix(prefix)(x)


async def suffix(x: Any, suffix: str) -> Result | None:
    """Top-level properties renamed to `key_<suffix>`; None stays None."""
    return Suffix(suffix)(x)


async def convert_to_json_data_model(x: Any) -> JsonDataModel:
    """The JSON data model of an instance or variable."""
    from kag.data_models.json_data_model import as_json_data_model

    return as_json_data_model(x)


async def convert_to_symbolic_data_model(x: Any) -> SymbolicDataModel:
    """A symbol with the schema of a class, instance or symbol."""
    from kag.data_models.symbolic import SymbolicDataModel

    return SymbolicDataModel(schema=operand(x).known_schema)
