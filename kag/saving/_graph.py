"""A program's graph as JSON and back: symbols by number, nodes in the order in which they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kag.data_models import operations
from kag.data_models.operations import BinaryOperation, UnaryOperation
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Variable
from kag.errors import SavingError
from kag.graph.function import Function
from kag.graph.node import Node
from kag.graph.structure import leaves
from kag.module import Module
from kag.saving._classes import named
from kag.schema.values import Json

if TYPE_CHECKING:
    from kag.saving._decoder import Decoder
    from kag.saving._encoder import Encoder

_OPERATIONS: dict[str, type[BinaryOperation] | type[UnaryOperation]] = {
    operation.kind: operation
    for operation in (
        operations.Concat,
        operations.And,
        operations.Or,
        operations.Xor,
        operations.Not,
        operations.Factorize,
        operations.InMask,
        operations.OutMask,
        operations.Prefix,
        operations.Suffix,
    )
}


class _Program(Protocol):
    function: Function | None
    max_concurrency: int | None


def graph_of(value: Any) -> Function | None:
    """The graph of a program; None for anything else, and for programs without one."""
    program: _Program = value
    return program.function if isinstance(value, named("kag>Program")) else None


def encode_graph(program: Any, graph: Function, encoder: Encoder, where: str) -> Json:
    """Inputs, nodes and outputs."""
    return {
        "inputs": encoder.encode(graph.inputs, where),
        "nodes": [_encode_node(node, encoder, f"{where}/{node.name}") for node in graph.nodes],
        "outputs": encoder.encode(graph.outputs, where),
        "max_concurrency": program.max_concurrency,
    }


def decode_graph(program: Any, value: Any, decoder: Decoder) -> None:
    """Gives a program its graph.

    Raises:
        SavingError: It is none, or the object is no program.
    """
    kind = named("kag>Program")
    if not isinstance(program, kind):
        raise SavingError(f"A {type(program).__name__} cannot have a graph; is this file damaged?")
    inputs = decoder.decode(value["inputs"])
    for node in value["nodes"]:
        _decode_node(node, decoder)
    outputs = decoder.decode(value["outputs"])
    kind.__init__(program, inputs=inputs, outputs=outputs, max_concurrency=value["max_concurrency"])


def _encode_node(node: Node, encoder: Encoder, where: str) -> Json:
    if any(isinstance(leaf, Variable) for leaf in leaves([node.args, dict(node.kwargs)])):
        raise SavingError(
            f"{where} has a variable as an argument; pass a data model, or read it inside a module."
        )
    return {
        "name": node.name,
        "operation": _encode_operation(node, encoder, where),
        "args": encoder.encode(list(node.args), where),
        "kwargs": encoder.encode(dict(node.kwargs), where),
        "outputs": encoder.encode(node.outputs, where),
    }


def _encode_operation(node: Node, encoder: Encoder, where: str) -> Json:
    operation = node.operation
    if isinstance(operation, BinaryOperation | UnaryOperation):
        return {"operator": operation.kind, "config": operation.config()}
    encoded: Json = encoder.encode(operation, where)
    return encoded


def _decode_node(value: Any, decoder: Decoder) -> None:
    """Makes a node and puts it behind the symbols of its outputs."""
    operation, awaited = _decode_operation(value["operation"], decoder)
    args, kwargs = decoder.decode(value["args"]), decoder.decode(value["kwargs"])
    outputs = decoder.decode(value["outputs"])
    for symbol in leaves(outputs):
        if not isinstance(symbol, SymbolicDataModel) or symbol.origin is not None:
            raise SavingError(f"The outputs of {value['name']!r} must be new symbols; is this file damaged?")
    Node(operation, str(value["name"]), tuple(args), kwargs, awaited).connect(outputs)


def _decode_operation(value: Any, decoder: Decoder) -> tuple[Any, bool]:
    if isinstance(value, dict) and "operator" in value:
        kind = _OPERATIONS.get(str(value["operator"]))
        if kind is None:
            raise SavingError(f"There is no operator {value['operator']!r}; is this file damaged?")
        config = {
            key: tuple(item) if isinstance(item, list) else item for key, item in value["config"].items()
        }
        return kind(**config), False
    module = decoder.decode(value)
    if not isinstance(module, Module):
        raise SavingError(f"A graph runs modules and operators; got {type(module).__name__}.")
    return module, True
