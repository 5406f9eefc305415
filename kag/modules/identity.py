"""Identity: gives what it is given."""

from __future__ import annotations

from typing import Any

from kag.graph.structure import map_leaves
from kag.module import Module


class Identity(Module):
    """Gives its inputs unchanged: a named place in a graph, or a branch that does nothing."""

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs."""
        return inputs

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """Symbols like the inputs."""
        return map_leaves(lambda symbol: symbol.clone(), inputs)
