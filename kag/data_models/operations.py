"""The operators as values: what each does with None, with two values, and with two schemas.

| a | b | `+` | `&` | `|` | `^` |
|---|---|---|---|---|---|
| value | value | both | both | both | None |
| value | None | error | None | a | a |
| None | value | error | None | b | b |
| None | None | error | None | None | None |

"Both" is the concatenation: properties of a, then of b, what collides in b numbered `_1`, `_2`, ... `~`
always gives None.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, final

from kag.errors import DataModelError
from kag.graph.node import Symbol
from kag.schema import (
    Derived,
    Schema,
    concat,
    exclusive,
    factorize,
    in_mask,
    out_mask,
    prefix,
    side_by_side,
    suffix,
    union,
)
from kag.schema.values import Json

if TYPE_CHECKING:
    from kag.data_models.json_data_model import JsonDataModel
    from kag.data_models.symbolic import SymbolicDataModel

    Result: TypeAlias = JsonDataModel | SymbolicDataModel

Pair = tuple[Schema, Json]


class Operand(ABC):
    """What operations work on: a value with its schema, or a symbol that stands for one."""

    __slots__ = ()

    @property
    @abstractmethod
    def known_schema(self) -> Schema | None:
        """The schema; None if it is known at run time only."""

    @property
    def is_exact(self) -> bool:
        """Whether the value has just that schema; a symbol for `a | b` has one of several within it."""
        return True

    @abstractmethod
    def combine(self, operation: BinaryOperation, first: Operand, second: Operand) -> Result | None:
        """The result of an operation on two operands that are both there."""

    @abstractmethod
    def change(self, operation: UnaryOperation) -> Result | None:
        """The result of an operation on this operand."""


def operand(value: Any) -> Operand:
    """What stands for a value in an operation: a symbol for a class, a JSON data model for its instance.

    Raises:
        DataModelError: It is not a data model.
    """
    if isinstance(value, Operand):
        return value
    convert = getattr(value, "__kag_operand__", None)
    if isinstance(value, AsyncIterator):
        raise DataModelError("Operators work on data models; got a stream. Gather its text first.")
    if convert is None:
        raise DataModelError(
            f"Operators work on data models and None; got {describe(value)}. "
            "Wrap JSON in a DataModel, or in JsonDataModel(schema=..., json=...)."
        )
    made: Operand = convert()
    return made


def describe(value: object) -> str:
    """A value's type in an error message."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


class BinaryOperation(ABC):
    """An operator on two operands of which either may be None."""

    kind: ClassVar[str]
    sign: ClassVar[str]

    @property
    def name(self) -> str:
        """How plots, summaries and errors call it."""
        return self.kind

    def __call__(self, first: Any, second: Any) -> Result | None:
        """Applies the operator to data models (classes, instances, JSON, symbols) or None."""
        one = None if first is None else operand(first)
        two = None if second is None else operand(second)
        if one is None or two is None:
            result: Result | None = self.absent(two if one is None else one)
            return result
        return (two if isinstance(two, Symbol) else one).combine(self, one, two)

    @abstractmethod
    def absent(self, present: Any | None) -> Any | None:
        """The result when at least one operand is None.

        Args:
            present: The other operand, or None.
        """

    @abstractmethod
    def schema(self, first: Schema, second: Schema, exact: tuple[bool, bool]) -> Schema:
        """The schema of every possible result for two operands, which may turn out to be None.

        Args:
            first: Schema of the first operand.
            second: Schema of the second operand.
            exact: Whether each operand will have just that schema, or one of several within it.
        """

    def keeps_exact(self, exact: tuple[bool, bool]) -> bool:
        """Whether the result will have just the schema that `schema` gives."""
        return False

    @abstractmethod
    def merge(self, first: Pair, second: Pair) -> Pair | None:
        """The result for two values."""

    def config(self) -> Json:
        """Arguments that build this operation again."""
        return {}


class UnaryOperation(ABC):
    """A change of one operand; None stays None."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """How plots, summaries and errors call it."""
        return self.kind

    def __call__(self, value: Any) -> Result | None:
        """Applies the operation to a data model (class, instance, JSON, symbol) or None."""
        return None if value is None else operand(value).change(self)

    @abstractmethod
    def derive(self, schema: Schema) -> Derived | None:
        """The new schema and the change of values; None if the result is always None."""

    @property
    def is_uniform(self) -> bool:
        """Whether new names depend on nothing but the old ones, so that the schema of `a | b` will do."""
        return True

    def config(self) -> Json:
        """Arguments that build this operation again."""
        return {}


class _Joining(BinaryOperation):
    def schema(self, first: Schema, second: Schema, exact: tuple[bool, bool]) -> Schema:
        return side_by_side(first, second, exact)

    def keeps_exact(self, exact: tuple[bool, bool]) -> bool:
        return all(exact)

    def merge(self, first: Pair, second: Pair) -> Pair | None:
        joined = concat(first[0], second[0])
        return joined.schema, joined.value(first[1], second[1])


@final
class Concat(_Joining):
    """`a + b`: both, or an error."""

    kind = "concat"
    sign = "+"

    def absent(self, present: Any | None) -> Any | None:
        """Raises: `+` is for what must be there."""
        raise DataModelError(
            f"`+` needs two data models; got {describe(present)} and None. "
            "Use `&` (None if one is missing) or `|`."
        )


@final
class And(_Joining):
    """`a & b`: both, or None."""

    kind = "and"
    sign = "&"

    def absent(self, present: Any | None) -> Any | None:
        """None."""
        return None


@final
class Or(_Joining):
    """`a | b`: both, or the one that is there, or None."""

    kind = "or"
    sign = "|"

    def absent(self, present: Any | None) -> Any | None:
        """The one that is there."""
        return present

    def keeps_exact(self, exact: tuple[bool, bool]) -> bool:
        """False: there are three possible results."""
        return False

    def schema(self, first: Schema, second: Schema, exact: tuple[bool, bool]) -> Schema:
        """A true union: what is required, the first alone, the second alone and both together require."""
        return union(first, second, exact)


@final
class Xor(BinaryOperation):
    """`a ^ b`: the one that is there, None if both or neither are."""

    kind = "xor"
    sign = "^"

    def absent(self, present: Any | None) -> Any | None:
        """The one that is there."""
        return present

    def schema(self, first: Schema, second: Schema, exact: tuple[bool, bool]) -> Schema:
        """A true union: a property is required only if both operands require it."""
        return exclusive(first, second)

    def merge(self, first: Pair, second: Pair) -> Pair | None:
        """None: both are there."""
        return None


@final
class Not(UnaryOperation):
    """`~a`: always None, also for None."""

    kind = "not"

    def derive(self, schema: Schema) -> Derived | None:
        """None."""
        return None


@final
class Factorize(UnaryOperation):
    """Numbered copies of a property become one plural list."""

    kind = "factorize"

    def derive(self, schema: Schema) -> Derived | None:
        """See `kag.schema.factorize`."""
        return factorize(schema)

    @property
    def is_uniform(self) -> bool:
        """False: `answer` alone stays, with `answer_1` it becomes a list."""
        return False


@dataclass(frozen=True, slots=True)
class Mask(UnaryOperation):
    """What `InMask` and `OutMask` have in common."""

    mask: tuple[str, ...] | None = None
    pattern: str | None = None
    recursive: bool = True

    def config(self) -> Json:
        """Arguments that build this operation again."""
        return {
            "mask": list(self.mask) if self.mask is not None else None,
            "pattern": self.pattern,
            "recursive": self.recursive,
        }


@final
class InMask(Mask):
    """Only the named properties."""

    kind = "in_mask"

    def derive(self, schema: Schema) -> Derived | None:
        """See `kag.schema.in_mask`."""
        return in_mask(schema, self.mask, self.pattern, self.recursive)


@final
class OutMask(Mask):
    """All but the named properties."""

    kind = "out_mask"

    def derive(self, schema: Schema) -> Derived | None:
        """See `kag.schema.out_mask`."""
        return out_mask(schema, self.mask, self.pattern, self.recursive)


@final
@dataclass(frozen=True, slots=True)
class Prefix(UnaryOperation):
    """Properties renamed to `<text>_key`."""

    text: str
    kind = "prefix"

    def derive(self, schema: Schema) -> Derived | None:
        """See `kag.schema.prefix`."""
        return prefix(schema, self.text)

    def config(self) -> Json:
        """Arguments that build this operation again."""
        return {"text": self.text}


@final
@dataclass(frozen=True, slots=True)
class Suffix(UnaryOperation):
    """Properties renamed to `key_<text>`."""

    text: str
    kind = "suffix"

    def derive(self, schema: Schema) -> Derived | None:
        """See `kag.schema.suffix`."""
        return suffix(schema, self.text)

    def config(self) -> Json:
        """Arguments that build this operation again."""
        return {"text": self.text}


CONCAT, AND, OR, XOR, NOT, FACTORIZE = Concat(), And(), Or(), Xor(), Not(), Factorize()
