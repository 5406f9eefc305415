"""The operators `+ & | ^ ~ in` and their methods, the same for classes, instances, JSON and symbols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, final

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
from kag.errors import DataModelError
from kag.schema import contains

if TYPE_CHECKING:
    from kag.data_models.operations import Result

P = ParamSpec("P")
R = TypeVar("R")


@final
class OnBoth(Generic[P, R]):
    """Makes a method work on a class (with the class as its first argument) as well as on its instances."""

    def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object, owner: type) -> Callable[P, R]:
        return MethodType(self._function, owner if instance is None else instance)


class Operators:
    """Operators on data models; see `kag.data_models.operations` for what they do with None."""

    __slots__ = ()

    def __add__(self, other: Any) -> Result | None:
        return CONCAT(self, other)

    def __radd__(self, other: Any) -> Result | None:
        return CONCAT(other, self)

    def __and__(self, other: Any) -> Result | None:
        return AND(self, other)

    def __rand__(self, other: Any) -> Result | None:
        return AND(other, self)

    def __or__(self, other: Any) -> Any:
        return OR(self, other)

    def __ror__(self, other: Any) -> Any:
        return OR(other, self)

    def __xor__(self, other: Any) -> Result | None:
        return XOR(self, other)

    def __rxor__(self, other: Any) -> Result | None:
        return XOR(other, self)

    def __invert__(self) -> Result | None:
        return NOT(self)

    def __contains__(self, part: Any) -> bool:
        """Whether a property (a string), or each property of a data model by name and type, is in it."""
        whole = operand(self).known_schema
        if whole is None:
            raise DataModelError(f"{self!r} has a schema at run time only, so `in` cannot look into it yet.")
        if isinstance(part, str):
            return part in whole.properties
        inner = operand(part).known_schema
        if inner is None:
            raise DataModelError(f"{part!r} has a schema at run time only, so `in` cannot look it up yet.")
        return contains(whole, inner)

    @OnBoth
    def factorize(self) -> Result:
        """Gathers numbered copies of a property into one plural list: `query, query_1` become `queries`."""
        return _there(FACTORIZE(self))

    @OnBoth
    def in_mask(
        self, mask: Sequence[str] | None = None, pattern: str | None = None, recursive: bool = True
    ) -> Result:
        """Keeps only some properties.

        Args:
            mask: Their names, without the number of a collision; singular and plural mean the same.
            pattern: Regular expression, searched in names without their number.
            recursive: Mask nested objects as well; then their names must be listed too.
        """
        return _there(InMask(as_mask(mask), pattern, recursive)(self))

    @OnBoth
    def out_mask(
        self, mask: Sequence[str] | None = None, pattern: str | None = None, recursive: bool = True
    ) -> Result:
        """Removes some properties; arguments as for `in_mask`."""
        return _there(OutMask(as_mask(mask), pattern, recursive)(self))

    @OnBoth
    def prefix(self, prefix: str) -> Result:
        """Renames every top-level property to `<prefix>_key`; what is required stays so."""
        return _there(Prefix(prefix)(self))

    @OnBoth
    def suffix(self, suffix: str) -> Result:
        """Renames every top-level property to `key_<suffix>`; what is required stays so."""
        return _there(Suffix(suffix)(self))


def as_mask(mask: Sequence[str] | None) -> tuple[str, ...] | None:
    """A mask's names as a tuple.

    Raises:
        DataModelError: It is not a list of strings.
    """
    if mask is None:
        return None
    listed = isinstance(mask, Collection) and not isinstance(mask, str | Mapping)
    if not listed or not all(isinstance(name, str) for name in mask):
        raise DataModelError(f"A mask must be a list of property names; got {mask!r}.")
    return tuple(mask)


def _there(result: Result | None) -> Result:
    assert result is not None  # noqa: S101  only `~` gives None for a data model
    return result
