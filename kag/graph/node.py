"""Recording: a symbol stands for a value that is not there yet, a node for one use of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kag.graph.structure import leaves


class Operation(Protocol):
    """What a node applies: a module (its call is awaited) or an operator (it answers at once)."""

    @property
    def name(self) -> str:
        """How plots, summaries and errors call it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Computes, or gives an awaitable that does."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a symbol comes from.

    Args:
        node: The node whose result it is.
        index: Which leaf of the node's result it is.
    """

    node: Node
    index: int


class Symbol:
    """A stand-in for a value of a graph; `origin` is None for what the graph is given."""

    __slots__ = ()

    origin: Origin | None = None


@dataclass(slots=True, eq=False)
class Node:
    """One use of an operation in a graph.

    Args:
        operation: What is applied.
        name: Name of this use, unique within a session.
        args: Positional arguments: nested structures of symbols and constants.
        kwargs: Keyword arguments, likewise.
        awaited: The operation's call is awaited.
        outputs: The result's structure, of symbols; set by `connect`.
    """

    operation: Operation
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    awaited: bool = True
    outputs: Any = None

    def connect(self, outputs: Any) -> Any:
        """Makes this node the origin of fresh symbols and returns them."""
        for index, symbol in enumerate(leaves(outputs)):
            symbol.origin = Origin(self, index)
        self.outputs = outputs
        return outputs

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols among the arguments, in order."""
        return [leaf for leaf in leaves([self.args, dict(self.kwargs)]) if isinstance(leaf, Symbol)]


def has_symbol(*structures: Any) -> bool:
    """Whether a symbol is anywhere in some arguments."""
    return any(isinstance(leaf, Symbol) for leaf in leaves(structures))
