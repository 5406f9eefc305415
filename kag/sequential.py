"""Sequential: a program that is a plain chain of modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.data_models.operations import describe
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.module import Module
from kag.program import Program


class Sequential(Program):
    """Modules one after the other; the graph is recorded when the program is first called.

    Args:
        modules: The modules, in order; the first item may be `Input(...)`.
        name: Its name.
        description: What it is for, in words.
        trainable: False freezes all its variables.

    Raises:
        ProgramError: There is no module, or an item is not one.
    """

    def __init__(
        self,
        modules: Sequence[Any],
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        items = list(modules) if isinstance(modules, list | tuple) else []
        self._input = items.pop(0) if items and isinstance(items[0], SymbolicDataModel) else None
        self._chain: list[Module] = items
        if not items:
            raise ProgramError(
                "Sequential needs a list of modules, such as [Input(...), Generator(...)]; got none."
            )
        for module in items:
            if not isinstance(module, Module):
                raise ProgramError(
                    f"Sequential expects modules, and perhaps Input(...) first; got {describe(module)}."
                )
        super().__init__(name=name, description=description, trainable=trainable)

    async def build(self, inputs: Any = None) -> None:
        """Records the chain, from the declared input or from one like the first that comes."""
        symbol = self._input if self._input is not None else inputs
        if not isinstance(symbol, SymbolicDataModel):
            raise ProgramError(f"{self!r} takes one data model; got {type(inputs).__name__}.")
        outputs: Any = symbol
        for module in self._chain:
            outputs = await module(outputs)
        Program.__init__(self, inputs=symbol, outputs=outputs)
