"""Masks as modules: keep or remove properties by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.data_models import operations
from kag.data_models.operators import as_mask
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.module import Module


class _Masking(Module):
    operation: type[operations.Mask]

    def __init__(
        self,
        mask: Sequence[str] | None = None,
        pattern: str | None = None,
        recursive: bool = True,
        *,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = False,
    ) -> None:
        super().__init__(name, description, trainable)
        if mask is None and pattern is None:
            raise ProgramError(f"{self!r} needs mask=[...] or pattern=...; got neither.")
        self.operation_value = self.operation(as_mask(mask), pattern, recursive)

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs, masked."""
        return self.operation_value(inputs)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """The symbol of the masked inputs."""
        given = operations.operand(inputs)
        plain = SymbolicDataModel(schema=given.known_schema, record_history=False, exact=given.is_exact)
        masked = plain.change(self.operation_value)
        return masked.clone() if isinstance(masked, SymbolicDataModel) else SymbolicDataModel()


class InMask(_Masking):
    """Keeps only some properties.

    Args:
        mask: Their names, without the number of a collision; singular and plural mean the same.
        pattern: Regular expression, searched in names without their number.
        recursive: Mask nested objects as well; then their names must be listed too.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: Nothing in it can be trained.
    """

    operation = operations.InMask


class OutMask(_Masking):
    """Removes some properties; arguments as for `InMask`."""

    operation = operations.OutMask
