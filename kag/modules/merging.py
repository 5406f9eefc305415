"""The operators as modules, for more than two inputs: `And()([a, b, c])`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar

from kag.data_models.operations import AND, CONCAT, NOT, OR, XOR, BinaryOperation, describe, operand
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.module import Module


class _Merging(Module):
    """Folds a list of inputs from left to right with an operator; it sees None."""

    accepts_none = True
    operation: ClassVar[BinaryOperation]

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs, merged."""
        return reduce(self.operation, self._listed(inputs))

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """The symbol of the merged inputs."""
        plain = [None if each is None else _unrecorded(each) for each in self._listed(inputs)]
        return self._spec(plain)

    def _spec(self, symbols: list[Any]) -> SymbolicDataModel:
        merged = reduce(self.operation, symbols)
        return merged.clone() if isinstance(merged, SymbolicDataModel) else SymbolicDataModel()

    def _listed(self, inputs: Any) -> Sequence[Any]:
        if not isinstance(inputs, list | tuple) or not inputs:
            raise ProgramError(
                f"{self!r} got {describe(inputs)}; expected a list of data models, such as [a, b]."
            )
        return inputs


class Concat(_Merging):
    """`a + b + c`: properties side by side; None is an error."""

    operation = CONCAT

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs, merged; a single None is an error, too."""
        merged = await super().call(inputs, training)
        return CONCAT.absent(None) if merged is None else merged


Concatenate = Concat


class And(_Merging):
    """`a & b & c`: properties side by side, or None if one is None."""

    operation = AND


class Or(_Merging):
    """`a | b | c`: properties of those that are there, side by side; None if none is."""

    operation = OR


class Xor(_Merging):
    """The one input that is there; None if none or several are.

    For two inputs this is `a ^ b`. For three and more it is not the fold `a ^ b ^ c`, which would let the
    third pass if the first two cancel out.
    """

    operation = XOR

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The only one that is there, or None."""
        present = [each for each in self._listed(inputs) if each is not None]
        for each in present:
            operand(each)
        return present[0] if len(present) == 1 else None


class Not(Module):
    """`~a`: None, whatever it is given."""

    accepts_none = True

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """None."""
        return NOT(inputs)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """An open symbol, which stays None."""
        return SymbolicDataModel()


def _unrecorded(each: Any) -> SymbolicDataModel:
    known = operand(each)
    return SymbolicDataModel(schema=known.known_schema, record_history=False, exact=known.is_exact)
